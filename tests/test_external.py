from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from provision.errors import InvalidInput, ProvisionError
from provision.fleet.applying import assert_ready
from provision.fleet.keeping import keep_secrets, with_certificates
from provision.fleet.model import Fleet
from provision.render.tree import write_tree
from provision.tls.certificates import make_ca, new_key, pem

SITE = """
monitor: {{hosts: {{m: {{influxdb_engine: {engine}, influxdb: {external}{more}}}}}}}
workers: {{hosts: {{w1: {{apps: [realm]}}}}}}
"""
URL = "https://influxdb.example.com:8086"


def test_the_address_alone_is_enough_for_tokens(fleet_of: Callable[..., Fleet]) -> None:
    site = fleet_of(SITE.format(engine=2, external=f"{{external: '{URL}/'}}", more="")).site
    assert site.influxdb_url == URL
    assert site.write_secret(site.workers[0]) == "influxdb_external_write_token"
    assert site.database_secrets == ()
    assert {"influxdb_external_write_token", "influxdb_external_read_token"} <= set(
        site.given_secrets
    )


@pytest.mark.parametrize(
    ("engine", "external", "more", "expected"),
    [
        (1, f"{{external: '{URL}'}}", "", "no writer and no reader"),
        (2, f"{{external: '{URL}'}}", ", influxdb_url: 'http://x:1'", "InfluxDB has one address"),
        (2, f"{{external: '{URL}'}}", ", influxdb_retention: 1d", "sets how long it keeps"),
        (2, "{external: 'ftp://x'}", "", "http"),
        (2, "{external: }", "", "say its address"),
        (2, "{external: 'https://x:99999'}", "", "the port of a URL"),
        (2, f"{{external: {{url: '{URL}', password: x}}}}", "", "secrets go into the secrets file"),
        (2, "{external: 'https://x/?org=o'}", "", "influxdb.external.url"),
        (2, "{external: {url: 'http://x:1', ca: ca.pem}}", "", "begins with http://"),
        (2, f"{{external: {{url: '{URL}', ca: none.pem}}}}", "", "none.pem"),
        (2, f"{{external: {{url: '{URL}', ca: inventory.yml}}}}", "", "not a certificate in PEM"),
    ],
)
def test_what_contradicts_it_is_told(
    fleet_of: Callable[..., Fleet], engine: int, external: str, more: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        fleet_of(SITE.format(engine=engine, external=external, more=more))
    assert expected in str(caught.value)


def test_an_address_that_is_said_to_be_none_contradicts_nothing(
    fleet_of: Callable[..., Fleet],
) -> None:
    site = SITE.format(engine=2, external=f"{{external: '{URL}'}}", more=", influxdb_url: null")
    assert fleet_of(site).site.influxdb_url == URL


def test_its_own_authorities_are_taken_to_all_who_ask_it(
    fleet_of: Callable[..., Fleet], tmp_path: Path
) -> None:
    ca = pem([make_ca(new_key(), datetime.now(UTC))])
    (tmp_path / "their-ca.pem").write_text(f"of the other team\n{ca}")
    external = f"{{external: {{url: '{URL}', ca: their-ca.pem}}}}"
    fleet = fleet_of(SITE.format(engine=2, external=external, more=", tls: own-ca"))
    keep_secrets(fleet, str)  # its own certificate is for Grafana
    site = with_certificates(fleet)
    assert site.authorities and site.authorities.file == tmp_path / "their-ca.pem"
    write_tree(site, tmp_path / "tree")
    telegraf = tmp_path / "tree/w1/etc/telegraf"
    assert (telegraf / "provision-ca.crt").read_text().strip() == ca.strip()
    assert (
        'tls_ca = "/etc/telegraf/provision-ca.crt"'
        in (telegraf / "telegraf.d/output.conf").read_text()
    )
    path = "tree/m/etc/grafana/provisioning/datasources/provision.yaml"
    (datasource,) = yaml.safe_load((tmp_path / path).read_text())["datasources"]
    assert datasource["secureJsonData"]["tlsCACert"].strip() == ca.strip()
    assert datasource["jsonData"]["serverName"] == "influxdb.example.com"
    manifest = json.loads((tmp_path / "tree/w1/.manifest.json").read_text())
    assert "/etc/telegraf/provision-ca.crt" in {each["path"] for each in manifest["files"]}


def test_what_lets_in_is_missing(fleet_of: Callable[..., Fleet]) -> None:
    fleet = fleet_of(SITE.format(engine=2, external=f"{{external: '{URL}'}}", more=""))
    fleet = replace(fleet, secrets_file=fleet.inventory.directory / "none.yml")
    with pytest.raises(ProvisionError, match="no influxdb_external_write_token") as caught:
        assert_ready(fleet, "monitor:workers", ())
    assert "under provision_secrets" in (caught.value.remedy or "")
