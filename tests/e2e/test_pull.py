"""Hosts that fetch what is rendered for them, and provision themselves (docs/fleets.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ansible
import pytest
import yaml

from provision.credentials import writer
from provision.rehearsal import processes
from tests.e2e.conftest import StageSetter
from tests.e2e.operating import EXAMPLES, Site, described
from tests.e2e.rights import administers, query, write_name
from tests.integration.programs import free_port

pytestmark = pytest.mark.long

SITE_PACKAGES = Path(ansible.__file__).parents[1]
# What ansible-core needs, as pip would install it on a host.
NEEDED = ("ansible", "jinja2", "markupsafe", "yaml", "_yaml", "packaging", "resolvelib")


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-pull", engine=1) as site:
        done = site.provision("monitor-server")
        assert done.status == 0, done.text
        yield site


@pytest.fixture(scope="module")
def bucket(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that hosts reach, and where that is; the key is beside it."""
    folder = tmp_path_factory.mktemp("bucket")
    argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "provision", "-f")
    processes.run(*argv, folder.with_name("key"))
    yield folder
    folder.with_name("key").unlink()


@contextmanager
def served(site: Site, folder: Path) -> Iterator[str]:
    address, port = site.stage.rehearsal.gateway, free_port()
    words = ("-m", "http.server", "--bind", address, "--directory", folder, port)
    argv = (sys.executable, *words)
    with subprocess.Popen(list(map(str, argv)), stderr=subprocess.DEVNULL) as server:
        try:
            yield f"http://{address}:{port}"
        finally:
            server.terminate()


def publish(site: Site, folder: Path) -> None:
    """What the controller does, by hand or in a pipeline."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        [EXAMPLES / "pull/publish", site.inventory[1], folder, folder.with_name("key")],
        env={**os.environ, "PATH": path},
        check=True,
    )
    bundles = {f"{name}.tar.gz" for name in site.workers}
    assert bundles | {f"{name}.sig" for name in bundles} == {each.name for each in folder.iterdir()}


def install(site: Site, host: str, folder: Path, url: str) -> None:
    """What a new host is given once."""
    about = [path.name for path in SITE_PACKAGES.glob("*.dist-info")]
    archive = subprocess.run(
        ["tar", "-C", SITE_PACKAGES, "-cz", *NEEDED, *about], capture_output=True, check=True
    ).stdout
    words = [*site.stage.rehearsal.ssh(host), "mkdir -p /opt/provision/lib /opt/provision/bin"
             " && tar -xz -C /opt/provision/lib"]  # fmt: skip
    subprocess.run(words, input=archive, check=True)
    program = folder.with_name("ansible-playbook")
    program.write_text(
        '#!/bin/sh\nPYTHONPATH=/opt/provision/lib exec python3 -m ansible.cli.playbook "$@"\n'
    )
    site.put(host, program, "/opt/provision/bin/ansible-playbook", "0755")
    site.put(host, EXAMPLES / "pull/provision-pull", "/usr/local/sbin/provision-pull", "0755")
    for name in ("provision-pull.service", "provision-pull.timer"):
        unit = folder.with_name(name)
        text = (EXAMPLES / "pull" / name).read_text()
        there = "https://bucket.example.com/site w1.example.com"
        assert there in text or name.endswith(".timer")
        unit.write_text(text.replace(there, f"{url} {host}"))
        site.put(host, unit, f"/etc/systemd/system/{name}")
    signers = folder.with_name("signers")
    signers.write_text(f"provision {folder.with_name('key.pub').read_text()}")
    site.put(host, signers, "/etc/provision-pull/signers")
    give_secret(site, host, folder)
    site.on(host, "systemctl daemon-reload && systemctl enable --now provision-pull.timer")


def give_secret(site: Site, host: str, folder: Path) -> None:
    """Bring a host what lets it write."""
    name, secrets = write_name(site, host), folder.with_name("secrets.yml")
    secrets.write_text(yaml.safe_dump({"provision_secrets": {name: site.secrets[name]}}))
    site.put(host, secrets, "/etc/provision-pull/secrets.yml", "0600")


def users_of(site: Site, host: str) -> list[str]:
    """InfluxDB's users that let a host write."""
    status, said = query(site, administers(site), "SHOW USERS")
    assert status == 200, said
    rows = json.loads(said)["results"][0]["series"][0]["values"]
    return [row[0] for row in rows if row[0].startswith(f"{writer(host)}-")]


def pull(site: Site, host: str) -> None:
    """What the timer does."""
    said = "journalctl -u provision-pull -n 50 --no-pager -o cat >&2; false"
    site.on(host, f"systemctl start provision-pull.service || {{ {said}; }}")


def test_a_host_provisions_itself_and_follows_what_is_published(site: Site, bucket: Path) -> None:
    host = site.workers[0]
    publish(site, bucket)
    with served(site, bucket) as url:
        install(site, host, bucket, url)
        pull(site, host)
        assert site.on(host, "systemctl is-active telegraf") == "active\n"
        check = site.provision("worker", host, "--check")
        assert "1 host, 0 would change, 0 failed" in check.out, check.text
        assert described(site.metrics(host)) == []
        started = site.on(host, "systemctl show -p MainPID telegraf")
        pull(site, host)
        assert site.on(host, "systemctl show -p MainPID telegraf") == started
        path = Path(site.inventory[1]).parent / "host_vars" / f"{host}.yml"
        values = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump(values | {"telegraf_interval": "3s"}))
        publish(site, bucket)
        pull(site, host)
        assert 'interval = "3s"' in site.on(host, "cat /etc/telegraf/telegraf.conf")
        path.write_text(yaml.safe_dump(values))


def test_what_lets_a_host_write_is_renewed_where_no_controller_reaches_it(
    site: Site, bucket: Path
) -> None:
    host = site.workers[0]
    name = write_name(site, host)
    former = site.secrets[name]
    given = yaml.safe_load(site.secrets_file.read_text())
    del given["provision_secrets"][name]
    site.secrets_file.write_text(yaml.safe_dump(given))
    # On the host itself nothing is done, which writes on with what it has.
    done = site.provision("monitor-server")
    assert done.status == 0, done.text
    assert site.secrets[name] != former
    assert len(users_of(site, host)) == 2
    assert described(site.metrics(host)) == []
    give_secret(site, host, bucket)
    with served(site, bucket) as url:
        unit = "/etc/systemd/system/provision-pull.service"
        site.on(host, f"sed -i 's,http://[^ ]*,{url},' {unit}; systemctl daemon-reload")
        pull(site, host)
    assert site.secrets[name] in site.on(host, "cat /etc/telegraf/credentials/influxdb")
    assert described(site.metrics(host)) == []


def test_what_nobody_signed_is_not_run(site: Site, bucket: Path) -> None:
    host = site.workers[0]
    with (bucket / f"{host}.tar.gz").open("ab") as bundle:
        bundle.write(b"more")
    before = site.on(host, "sha256sum /etc/telegraf/telegraf.conf")
    with served(site, bucket) as url:
        unit = "/etc/systemd/system/provision-pull.service"
        site.on(host, f"sed -i 's,http://[^ ]*,{url},' {unit}; systemctl daemon-reload")
        status = site.on(host, "systemctl start provision-pull.service; echo $?").strip()
    assert status != "0"
    assert "Signature verification failed" in site.on(host, "journalctl -u provision-pull")
    assert site.on(host, "sha256sum /etc/telegraf/telegraf.conf") == before
