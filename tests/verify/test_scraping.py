from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from provision.fleet.model import Fleet
from provision.run.ansible import HostResult, RunResult
from provision.site.model import Site
from provision.verify.findings import Area, Finding, Status
from provision.verify.scraping import scrape_variables, targets_fetched

Make = Callable[..., Fleet]
INVENTORY: dict[str, Any] = {
    "monitor": {"hosts": {"m": {}}},
    "workers": {
        "hosts": {
            "default": {"apps": ["dataclay"]},
            "statsd": {"apps": ["realm"]},
            "pushed": {"apps": ["dataclay"], "dataclay_pushgateway": True},
            "several": {
                "apps": ["realm", "dataclay"],
                "telegraf_interval": "2s",
                "dataclay_targets": [
                    {"url": "https://b.example.com/x?y=z", "instance": "one"},
                    {"url": "https://b.example.com/x?y=z", "instance": "two"},
                    "127.0.0.1:8000",
                ],
            },
            "m": {"apps": ["influxdb", "dataclay"]},
        }
    },
}


def wanted(site: Site, *names: str) -> dict[str, Any]:
    hosts = [host for host in site.workers if host.name in names or not names]
    (name, text), *others = scrape_variables(site, hosts).items()
    assert (name, others) == ("provision_scraped", [])
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def site(fleet_of: Make) -> Site:
    return fleet_of(json.dumps(INVENTORY)).site


def test_each_host_fetches_what_its_telegraf_scrapes_for_as_long_as_that_does(site: Site) -> None:
    found = wanted(site)
    assert found.keys() == {"default", "several", "m"}
    assert [url.rpartition("/")[2] for url in found["default"]["scraped"]] == ["metrics"]
    assert found["default"]["scrape_seconds"] == 5
    assert found["several"] == {
        "scraped": ["https://b.example.com/x?y=z", "http://127.0.0.1:8000/metrics"],
        "scrape_seconds": 2,
    }


def test_only_the_hosts_that_are_asked_about_fetch(site: Site) -> None:
    assert wanted(site, "several").keys() == {"several"}
    assert wanted(site, "statsd") == {}


def test_the_site_s_own_influxdb_is_left_out_where_it_speaks_tls(fleet_of: Make) -> None:
    text = json.dumps(INVENTORY)
    plain = wanted(fleet_of(text).site)["m"]["scraped"]
    assert sorted(url.split("/")[0] for url in plain) == ["http:", "http:"]
    secure = {"influxdb_targets": ["https://m:8086/metrics"], "tls": "own-ca"}
    hosts = INVENTORY["workers"]["hosts"]
    own = {**hosts, "m": {**hosts["m"], **secure}}
    groups = {**INVENTORY, "workers": {"hosts": own}, "all": {"vars": {"tls": "own-ca"}}}
    assert wanted(fleet_of(json.dumps(groups)).site)["m"]["scraped"] == [
        url for url in plain if ":8086/" not in url
    ]


def test_what_cannot_be_fetched_is_a_fault_of_its_host() -> None:
    url, other = "http://127.0.0.1:9105/metrics", "http://127.0.0.1:9106/metrics"
    refused = "cannot be fetched: connection refused"
    hosts = {
        "w2": HostResult(fetched={other: "answers with HTTP 404", url: refused}),
        "w1": HostResult(fetched={url: ""}),
        "w3": HostResult(failed="telegraf is not up."),
    }
    assert targets_fetched(RunResult(hosts, 0, "")) == [
        Finding(Status.OK, Area.TARGET, "w1", url, "can be fetched"),
        Finding(Status.FAILED, Area.TARGET, "w2", url, refused),
        Finding(Status.FAILED, Area.TARGET, "w2", other, "answers with HTTP 404"),
    ]
