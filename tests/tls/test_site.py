"""What an inventory says of TLS, and how everything is then rendered."""

from __future__ import annotations

import configparser
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.errors import InvalidInput
from provision.fleet.keeping import keep_secrets, with_certificates
from provision.fleet.model import Fleet
from tests.conftest import INVENTORY
from tests.render.expected import rendered

Make = Callable[..., Fleet]
OWN = INVENTORY + "all: {vars: {tls: own-ca}}\n"
WATCHED = """\
monitor: {hosts: {m.example.com: {influxdb_address: 192.0.2.1}}}
workers: {hosts: {m.example.com: {apps: [influxdb]}}}
all: {vars: {tls: own-ca}}
"""


def problems(make: Make, text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        make(text)
    return caught.value.message


def tree(make: Make, directory: Path, text: str) -> dict[str, str]:
    fleet = make(text)
    keep_secrets(fleet, str)
    return rendered(with_certificates(fleet), directory / "tree")


@pytest.mark.parametrize("value", ["off", "false", "no", "'off'"])
def test_off_is_off_however_yaml_reads_it(fleet_of: Make, value: str) -> None:
    site = fleet_of(INVENTORY + f"all: {{vars: {{tls: {value}}}}}\n").site
    assert not site.tls.on and site.influxdb_url.startswith("http://")


def test_other_words_are_told(fleet_of: Make) -> None:
    for value in ("on", "yes", "own_ca", "letsencrypt"):
        assert "tls: 'off', 'own-ca' or 'files' is needed" in problems(
            fleet_of, INVENTORY + f"all: {{vars: {{tls: {value}}}}}\n"
        )


def test_files_must_be_named(fleet_of: Make) -> None:
    said = problems(fleet_of, INVENTORY + "all: {vars: {tls: files, tls_key: k}}\n")
    assert "files: tls_certificate must be set, too" in said


def test_an_address_without_tls_is_told(fleet_of: Make) -> None:
    said = problems(
        fleet_of,
        OWN.replace("own-ca}", "own-ca, influxdb_url: 'http://a', grafana_url: 'http://b'}"),
    )
    assert "influxdb_url: begins with http://, and tls is own-ca" in said
    assert "grafana_url: begins with http://" in said


def test_names_are_all_by_which_anybody_asks(fleet_of: Make) -> None:
    urls = "influxdb_url: 'https://DB.example.com:1/x', grafana_url: 'https://[2001:DB8::1]/'"
    site = fleet_of(OWN.replace("own-ca}", f"own-ca, {urls}, grafana_address: '192.0.2.9'}}")).site
    assert site.tls.names == (
        *("monitor.example.com", "192.0.2.1", "db.example.com", "2001:db8::1"),
        *("127.0.0.1", "192.0.2.9", "localhost", "::1"),
    )
    assert (site.tls.influxdb, site.tls.grafana) == ("db.example.com", "2001:db8::1")


def test_urls_begin_with_https(fleet_of: Make) -> None:
    site = fleet_of(OWN).site
    assert (site.influxdb_url, site.grafana_url) == (
        *("https://192.0.2.1:8086", "https://192.0.2.1:3000"),
    )


@pytest.mark.parametrize("engine", [1, 2])
def test_everybody_is_told_of_certificates(fleet_of: Make, tmp_path: Path, engine: int) -> None:
    files = tree(fleet_of, tmp_path, OWN.replace("own-ca}", f"own-ca, influxdb_engine: {engine}}}"))
    monitor, worker = "monitor.example.com/etc/", "w1.example.com/etc/"
    paths = ("/etc/influxdb/provision-tls.crt", "/etc/influxdb/provision-tls.key")
    if engine == 2:
        config = tomllib.loads(files[monitor + "influxdb/config.toml"])
        assert (config["tls-cert"], config["tls-key"]) == paths
    else:
        http = tomllib.loads(files[monitor + "influxdb/influxdb.conf"])["http"]
        assert http["https-enabled"] is True
        assert (http["https-certificate"], http["https-private-key"]) == paths
    ini = configparser.ConfigParser()
    ini.read_string("[x]\n" + files[monitor + "grafana/grafana.ini"])
    assert ini["server"]["protocol"] == "https"
    assert ini["server"]["root_url"] == "https://192.0.2.1:3000/"
    assert ini["security"]["cookie_secure"] == "true"
    source = yaml.safe_load(files[monitor + "grafana/provisioning/datasources/provision.yaml"])
    (source,) = source["datasources"]
    ca = (tmp_path / "tls" / "ca.crt").read_text()
    assert source["url"] == "https://127.0.0.1:8086"
    assert source["jsonData"]["tlsAuthWithCACert"] is True
    assert source["jsonData"]["serverName"] == "192.0.2.1"
    assert source["secureJsonData"]["tlsCACert"] == ca
    outputs = tomllib.loads(files[worker + "telegraf/telegraf.d/output.conf"])["outputs"]
    (output,) = outputs["influxdb_v2" if engine == 2 else "influxdb"]
    assert output["urls"] == ["https://192.0.2.1:8086"]
    assert output["tls_ca"] == "/etc/telegraf/provision-ca.crt"
    assert files[worker + "telegraf/provision-ca.crt"] == ca
    # Nobody takes what cannot be verified.
    every = "\n".join(files.values()).lower()
    assert "skip_verify" not in every and "skipverify" not in every


def test_no_key_is_rendered(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of, tmp_path, OWN)
    keys = {path: text for path, text in files.items() if path.endswith(".key")}
    assert len(keys) == 2
    for text in keys.values():
        assert "{{ provision_secrets.tls_server_key | wordwrap(64) }}" in text
    manifest = json.loads(files["monitor.example.com/.manifest.json"])
    modes = {
        each["path"]: (each["group"], each["mode"], each["secret"]) for each in manifest["files"]
    }
    assert modes["/etc/influxdb/provision-tls.key"] == ("influxdb", "0640", True)
    assert modes["/etc/grafana/provision-tls.key"] == ("grafana", "0640", True)
    known = {"name": "192.0.2.1", "ca": (tmp_path / "tls" / "ca.crt").read_text()}
    entries = [*manifest["services"], *manifest["state"]]
    assert [each["tls"] for each in entries] == [known] * 4
    assert {each.get("url", each.get("health"))[:8] for each in entries} == {"https://"}


def test_influxdb_s_own_metrics_are_fetched_by_the_name_of_the_certificate(
    fleet_of: Make, tmp_path: Path
) -> None:
    files = tree(fleet_of, tmp_path, WATCHED)
    inputs: list[dict[str, Any]] = tomllib.loads(
        files["m.example.com/etc/telegraf/telegraf.d/prometheus.conf"]
    )["inputs"]["http"]
    (own,) = inputs
    assert own["urls"] == ["https://192.0.2.1:8086/metrics"]
    assert own["tls_server_name"] == "m.example.com"
    assert own["tls_ca"] == "/etc/telegraf/provision-ca.crt"
