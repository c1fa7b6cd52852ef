"""The first run on bare hosts, against a shell script that does the same over ssh."""

from __future__ import annotations

import io
import json
import os
import shlex
import tarfile
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from bench.fleets import PROVISION, Bench, bare, packages
from bench.measuring import Figure, command, tell, timed
from provision.catalog.load import load_catalogs
from provision.credentials import READER, fingerprint, writer
from provision.secrets import KEY, load_secrets

WORKERS = 2
RUNS = 3
SCRIPT = Path(__file__).with_name("by_hand.sh")


def main() -> None:
    """In turns, each on hosts that nothing was installed on."""
    ours = Figure("provision up, bare hosts", hosts=WORKERS + 1)
    script = Figure("a shell script by hand", hosts=WORKERS + 1)
    for _ in range(RUNS):
        with bare(WORKERS) as bench:
            timed(ours, bench.up)
        with bare(WORKERS) as bench, tempfile.TemporaryDirectory() as name:
            words = prepare(bench, Path(name))
            timed(script, lambda words=words: command(SCRIPT, *words))  # type: ignore[misc]
            assert_works(bench)
    ours.most = round(script.median * 1.3, 2)
    what = (
        "InfluxDB 1, Grafana and Telegraf" if packages() else "InfluxDB 1 and Telegraf, no Grafana"
    )
    ratio = ours.median / script.median
    tell("first", [ours, script], f"{what}; packages cached; {ratio:.2f} times the script's time")


def prepare(bench: Bench, folder: Path) -> list[str | Path]:
    """All that the script is given: files with their secrets, statements, how to reach hosts."""
    rehearsal = bench.stage.rehearsal
    command(PROVISION, "render", "-i", bench.inventory, "--output", folder / "tree")
    secrets = secrets_of(bench)
    site = bench.stage.fleet.site
    secrets |= {name: f"password-of-{name}" for name in map(site.write_secret, site.workers)}
    secrets[site.read_secret] = "password-of-the-reader"
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    environment.filters["hash"] = lambda text, _: sha256(text.encode()).hexdigest()
    manifests = {}
    for host in site.hosts:
        manifest = manifests[host.name] = json.loads(
            (folder / "tree" / host.name / ".manifest.json").read_text()
        )
        groups = []
        with tarfile.open(folder / f"{host.name}.tar", "w") as archive:
            for file in manifest["files"]:
                content = (folder / "tree" / host.name / file["path"].lstrip("/")).read_text()
                if file["secret"]:
                    content = environment.from_string(content).render({KEY: secrets})
                entry = tarfile.TarInfo(file["path"].lstrip("/"))
                entry.size, entry.mode = len(content.encode()), int(file["mode"], 8)
                archive.addfile(entry, io.BytesIO(content.encode()))
                groups.append(f"{file['group']} {file['path']}")
        (folder / f"{host.name}.groups").write_text("\n".join(groups) + "\n")
        fetched = [
            f"curl -fsS {each['key_url']} | gpg --dearmor --yes -o {each['keyring']}"
            for each in manifest["repositories"]
        ]
        (folder / f"{host.name}.keys").write_text("\n".join(fetched) + "\n")
    (entry,) = (e for e in manifests[site.monitor.name]["state"] if e["role"] == "influxdb")
    admin, database = secrets["influxdb_admin_password"], entry["database"]
    statements = [
        f"CREATE USER admin WITH PASSWORD '{admin}' WITH ALL PRIVILEGES",
        f"CREATE DATABASE {database} WITH DURATION {entry['retention_seconds']}s NAME provision",
    ]
    users = [(writer(w.name), secrets[site.write_secret(w)], "WRITE") for w in site.workers]
    for name, password, right in [*users, (READER, secrets[site.read_secret], "READ")]:
        user = f"{name}-{fingerprint(password)}"
        # Telegraf has name and password in one, and nothing after the colon that follows.
        joined = ":" if right == "WRITE" else ""
        statements += [
            f"CREATE USER \"{user}\" WITH PASSWORD '{password}{joined}'",
            f'GRANT {right} ON {database} TO "{user}"',
        ]
    (folder / "users.influxql").write_text("\n".join(statements) + "\n")
    (folder / "admin").write_text(f"admin:{admin}")
    repositories = {each["name"]: each for each in manifests[site.monitor.name]["repositories"]}
    cases = "\n".join(
        f'{host.name}) exec {shlex.join(rehearsal.ssh(host.name))} "$@" ;;' for host in site.hosts
    )
    (folder / "ssh").write_text(f"#!/bin/sh\nhost=$1\nshift\ncase $host in\n{cases}\nesac\n")
    (folder / "ssh").chmod(0o755)
    grafana = repositories.get("grafana")
    os.environ["GRAFANA"] = "grafana" if grafana else ""
    os.environ["GRAFANA_UNIT"] = "grafana-server" if grafana else ""
    return [folder, site.monitor.name, *(worker.name for worker in site.workers)]


def assert_works(bench: Bench) -> None:
    """The script's hosts are what ours are: services run, and InfluxDB has what Telegraf wrote."""
    rehearsal, site = bench.stage.rehearsal, bench.stage.fleet.site
    units = ["influxdb", *(["grafana-server"] if site.monitor.settings.grafana_enabled else [])]
    rehearsal.execute(site.monitor.name, "systemctl", "is-active", *units)
    for worker in site.workers:
        rehearsal.execute(worker.name, "systemctl", "is-active", "telegraf")
    database = site.monitor.settings.influxdb_database
    catalog = load_catalogs()["host"]
    metric = next(metric for metric in catalog.metrics if metric.always)
    field, measurement = catalog.field(metric), catalog.measurement(metric)
    for host in site.workers:
        question = f"SELECT last({field}) FROM {measurement} WHERE host = '{host.name}'"  # noqa: S608
        deadline = time.monotonic() + 60
        while True:
            said = rehearsal.execute(
                site.monitor.name,
                *("curl", "-fsS", "-u", f"admin:{secrets_of(bench)['influxdb_admin_password']}"),
                *("--data-urlencode", f"q={question}"),
                f"http://127.0.0.1:8086/query?db={database}",
            ).stdout
            if "series" in said:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing of {host.name} arrived: {said}")
            time.sleep(0.5)


def secrets_of(bench: Bench) -> dict[str, str]:
    """The secrets that rendering made."""
    return dict(load_secrets(bench.secrets, bench.stage.fleet.inventory.read_yaml))
