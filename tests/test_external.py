from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from provision.errors import InvalidInput, ProvisionError
from provision.fleet import Fleet, assert_ready

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
        (2, f"{{external: {{url: '{URL}', password: x}}}}", "", "secrets go into the secrets file"),
    ],
)
def test_what_contradicts_it_is_told(
    fleet_of: Callable[..., Fleet], engine: int, external: str, more: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        fleet_of(SITE.format(engine=engine, external=external, more=more))
    assert expected in str(caught.value)


def test_what_lets_in_is_missing(fleet_of: Callable[..., Fleet]) -> None:
    fleet = fleet_of(SITE.format(engine=2, external=f"{{external: '{URL}'}}", more=""))
    fleet = replace(fleet, secrets_file=fleet.inventory.directory / "none.yml")
    with pytest.raises(ProvisionError, match="no influxdb_external_write_token") as caught:
        assert_ready(fleet, "monitor:workers", ())
    assert "under provision_secrets" in (caught.value.remedy or "")
