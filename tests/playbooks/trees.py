"""Small rendered trees, written by hand to the contract of CONTRIBUTING.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TAKEN_UP = r"^/etc/(telegraf/telegraf\.(conf$|d/(?!(host|output)\.conf$))|provision/telegraf\.nft$)"
SECRETS = {
    "influxdb_admin_password": 'the admin\'s "password"',
    "influxdb_operator_token": "operator-token-of-the-tests",
    "grafana_admin_password": "grafana-password",
}


def write(tree: Path, host: str, manifest: dict[str, Any], texts: dict[str, str]) -> None:
    """Write <tree>/<host> with its manifest; texts by path, each of which the manifest names."""
    root = tree / host
    for path, text in texts.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    root.mkdir(parents=True, exist_ok=True)
    (root / ".manifest.json").write_text(json.dumps({"host": host, **manifest}))


def file(
    role: str, path: str, *, group: str = "root", mode: str = "0644", secret: bool = False
) -> dict[str, Any]:
    """A files entry."""
    return {
        "role": role, "path": path, "owner": "root", "group": group, "mode": mode, "secret": secret,
    }  # fmt: skip


def repository(url: str, key_url: str, fingerprint: str) -> dict[str, Any]:
    """A repositories entry."""
    return {
        "name": "influxdata",
        "url": url,
        "key_url": key_url,
        "fingerprint": fingerprint,
        "keyring": "/etc/apt/keyrings/influxdata.gpg",
    }


def sources(url: str) -> dict[str, str]:
    """The texts of apt's sources and preferences for that repository."""
    return {
        "/etc/apt/sources.list.d/influxdata.sources": (
            f"Types: deb\nURIs: {url}\nSuites: stable\nComponents: main\n"
            "Signed-By: /etc/apt/keyrings/influxdata.gpg\n"
        ),
        "/etc/apt/preferences.d/provision-influxdata": (
            # apt takes the first record that fits.
            "Package: telegraf influxdb influxdb2\nPin: release o=InfluxData\nPin-Priority: 600\n\n"
            "Package: telegraf influxdb influxdb2\nPin: release *\nPin-Priority: -1\n"
        ),
    }


AGENT = """\
[agent]
  interval = "2s"
  flush_interval = "2s"
  omit_hostname = false
"""
OUTPUT = """\
[[outputs.influxdb]]
  urls = ["http://{monitor}:8086"]
  database = "metrics"
  skip_database_creation = true
  {login}
"""
LOGINS = {
    1: 'username = "telegraf"\n  password = "${INFLUXDB_PASSWORD}"',
    2: 'http_headers = {"Authorization" = "Token ${INFLUXDB_TOKEN}"}',
}
ENVIRONMENTS = {
    1: 'INFLUXDB_PASSWORD="{{ provision_secrets.influxdb_write_password_w1 }}"\n',
    2: 'INFLUXDB_TOKEN="{{ provision_secrets.influxdb_write_token_w1 }}"\n',
}
STATSD = '[[inputs.statsd]]\n  service_address = "127.0.0.1:8125"\n'


def worker(
    tree: Path, host: str, *, repository: dict[str, Any], monitor: str, engine: int = 2,
    statsd: str = STATSD,
) -> None:  # fmt: skip
    """A host with Telegraf alone."""
    texts = {
        **sources(repository["url"]),
        "/etc/telegraf/telegraf.conf": AGENT,
        "/etc/telegraf/telegraf.d/output.conf": OUTPUT.format(
            monitor=monitor, login=LOGINS[engine]
        ),
        "/etc/telegraf/telegraf.d/statsd.conf": statsd,
        "/etc/default/telegraf": ENVIRONMENTS[engine],
    }
    manifest = {
        "repositories": [repository],
        "packages": [
            {"role": "telegraf", "name": "telegraf", "version": None, "repository": "influxdata",
             "conflicts": []},
        ],
        "directories": [
            {"role": "telegraf", "path": "/etc/telegraf/telegraf.d", "owner": "root",
             "group": "telegraf", "mode": "0750", "exclusive": True},
        ],
        "files": [
            *(file("packages", path) for path in sources("")),
            file("telegraf", "/etc/telegraf/telegraf.conf", group="telegraf", mode="0640"),
            file("telegraf", "/etc/telegraf/telegraf.d/output.conf", group="telegraf", mode="0640"),
            file("telegraf", "/etc/telegraf/telegraf.d/statsd.conf", group="telegraf", mode="0640"),
            file("telegraf", "/etc/default/telegraf", mode="0600", secret=True),
        ],
        "services": [
            {"role": "telegraf", "name": "telegraf", "listen": ["udp:127.0.0.1:8125"],
             "health": None,
             "reloads": TAKEN_UP},
        ],
    }  # fmt: skip
    write(tree, host, manifest, texts)


def add_pushgateway(tree: Path, host: str) -> None:
    """Let a host of worker() have a Pushgateway too."""
    path = "/etc/default/prometheus-pushgateway"
    manifest = json.loads((tree / host / ".manifest.json").read_text())
    manifest["packages"].append({"role": "pushgateway", "name": "prometheus-pushgateway"})
    manifest["files"].append(file("pushgateway", path))
    manifest["services"].append(
        {"role": "pushgateway", "name": "prometheus-pushgateway", "listen": ["tcp:127.0.0.1:9091"],
         "health": "http://127.0.0.1:9091/-/healthy"}
    )  # fmt: skip
    write(tree, host, manifest, {path: 'ARGS="--web.listen-address=127.0.0.1:9091"\n'})


INFLUXDB1 = """\
reporting-disabled = true
bind-address = "127.0.0.1:8088"
[meta]
  dir = "/var/lib/influxdb/meta"
[data]
  dir = "/var/lib/influxdb/data"
  wal-dir = "/var/lib/influxdb/wal"
[http]
  bind-address = ":8086"
  auth-enabled = true
"""
INFLUXDB2 = """\
bolt-path = "/var/lib/influxdb/influxd.bolt"
engine-path = "/var/lib/influxdb/engine"
sqlite-path = "/var/lib/influxdb/influxd.sqlite"
http-bind-address = ":8086"
reporting-disabled = true
"""


def state(
    engine: int, *, url: str = "http://127.0.0.1:8086", seconds: int = 2592000,
    workers: Sequence[str] = ("w1", "w2"),
) -> dict[str, Any]:  # fmt: skip
    """InfluxDB's state entry."""
    entry = {"role": "influxdb", "engine": engine, "url": url, "username": "admin",
             "retention_seconds": seconds, "interval_seconds": 0}  # fmt: skip
    if engine == 1:
        holders = [
            {"name": f"telegraf-{worker}", "secret": f"influxdb_write_password_{worker}",
             "privilege": "WRITE", "joined": True, "role": "telegraf", "host": worker}
            for worker in workers
        ]  # fmt: skip
        holders.append(
            {"name": "grafana", "secret": "influxdb_read_password", "privilege": "READ",
             "joined": False, "role": "grafana", "host": "monitor"}
        )  # fmt: skip
        return {
            **entry, "database": "metrics", "retention_policy": "month", "users": holders,
            "retired": {"all": "telegraf", "left": "telegraf-"},
        }  # fmt: skip
    holders = [
        {"secret": f"influxdb_write_token_{worker}", "access": "write",
         "description": f"provision: telegraf on {worker}", "role": "telegraf", "host": worker}
        for worker in workers
    ]  # fmt: skip
    holders.append(
        {"secret": "influxdb_read_token", "description": "provision: grafana", "access": "read",
         "role": "grafana", "host": "monitor"}
    )  # fmt: skip
    return {
        **entry, "organization": "site", "bucket": "metrics", "tokens": holders,
        "retired": {"all": "provision: telegraf", "left": "provision: telegraf on "},
    }  # fmt: skip


def monitor(tree: Path, host: str, *, repository: dict[str, Any], engine: int = 2) -> None:
    """A host with InfluxDB alone."""
    package, other = ("influxdb", "influxdb2") if engine == 1 else ("influxdb2", "influxdb")
    config = "/etc/influxdb/influxdb.conf" if engine == 1 else "/etc/influxdb/config.toml"
    ping = "ping" if engine == 1 else "health"
    texts = {**sources(repository["url"]), config: INFLUXDB1 if engine == 1 else INFLUXDB2}
    manifest = {
        "repositories": [repository],
        "packages": [
            {"role": "influxdb", "name": package, "version": None, "repository": "influxdata",
             "conflicts": [other]},
        ],
        "files": [*(file("packages", path) for path in sources("")), file("influxdb", config)],
        "services": [
            {"role": "influxdb", "name": "influxdb", "listen": ["tcp:0.0.0.0:8086"],
             "health": f"http://127.0.0.1:8086/{ping}{'?verbose=true' if engine == 1 else ''}"},
        ],
        "state": [state(engine)],
    }  # fmt: skip
    write(tree, host, manifest, texts)


DATASOURCE = """\
apiVersion: 1
datasources:
  - name: metrics
    uid: provision
    type: influxdb
    access: proxy
    url: http://127.0.0.1:8086
    jsonData: {dbName: metrics, httpHeaderName1: Authorization}
    secureJsonData: {httpHeaderValue1: "Token {{ provision_secrets.influxdb_read_token }}"}
"""
PROVIDER = """\
apiVersion: 1
providers:
  - name: provision
    type: file
    options: {path: /etc/grafana/dashboards}
"""


def add_grafana(tree: Path, host: str) -> None:
    """Let a host of monitor() have Grafana too."""
    root = "/etc/grafana"
    texts = {
        f"{root}/grafana.ini": "[analytics]\nreporting_enabled = false\n",
        f"{root}/provisioning/datasources/provision.yaml": DATASOURCE,
        f"{root}/provisioning/dashboards/provision.yaml": PROVIDER,
        f"{root}/dashboards/one.json": json.dumps({"uid": "one", "title": "One", "panels": []}),
    }
    manifest = json.loads((tree / host / ".manifest.json").read_text())
    manifest["packages"].append(
        {"role": "grafana", "name": "grafana", "version": None, "repository": "influxdata",
         "conflicts": []}
    )  # fmt: skip
    manifest["directories"] = [
        {"role": "grafana", "path": f"{root}/dashboards", "owner": "root", "group": "grafana",
         "mode": "0750", "exclusive": True}
    ]  # fmt: skip
    manifest["files"] += [
        file("grafana", path, group="grafana", mode="0640", secret="datasources" in path)
        for path in texts
    ]
    manifest["services"].append(
        {"role": "grafana", "name": "grafana-server", "listen": ["tcp:0.0.0.0:3000"],
         "health": "http://127.0.0.1:3000/api/health"}
    )  # fmt: skip
    manifest["state"].append(
        {"role": "grafana", "url": "http://127.0.0.1:3000", "username": "admin",
         "secret": "grafana_admin_password"}
    )  # fmt: skip
    write(tree, host, manifest, texts)


def add_files(tree: Path, host: str, texts: dict[str, str]) -> None:
    """Let a host of worker() have further secret files of Telegraf."""
    manifest = json.loads((tree / host / ".manifest.json").read_text())
    manifest["files"] += [file("telegraf", path, mode="0640", secret=True) for path in texts]
    write(tree, host, manifest, texts)
