"""The catalogs against what their documents list (tests/cases/<app>/documented.tsv)."""

from __future__ import annotations

import re

import pytest

from provision.catalog.load import load_catalogs
from provision.render.telegraf import ignored_names
from tests.conftest import CASES

CATALOGS = load_catalogs()
NUMBERS = {
    "realm": 18,
    "django-clickhouse": 11,
    "tinybird-jobs": 4,
    "dataclay": 5,
    "influxdb": 16,
}


@pytest.mark.parametrize("app", NUMBERS)
def test_all_that_is_documented_is_in_the_catalog_and_nothing_else(app: str) -> None:
    lines = (CASES / app / "documented.tsv").read_text().splitlines()
    documented = [tuple(line.split("\t")) for line in lines if not line.startswith("#")]
    assert len(documented) == NUMBERS[app]
    assert [(m.name, m.type.value, m.unit.value) for m in CATALOGS[app].metrics] == documented


def test_all_that_influxdb_lists_is_watched_or_ignored_with_a_reason() -> None:
    influxdb = CATALOGS["influxdb"]
    watched = {metric.name: metric.type.value for metric in influxdb.metrics}
    ignored = ignored_names(influxdb.ignored)
    lines = (CASES / "influxdb" / "listed.tsv").read_text().splitlines()
    listed = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len(listed) == 139
    found = set()
    for name, kind in listed:
        sums = {f"{name}_sum"} if kind in {"histogram", "summary"} else set()
        names = {each for each in {name, *sums} if each in watched}
        found |= names
        assert all(watched[each] == ("counter" if each in sums else kind) for each in names)
        left_out = (
            name in ignored.names
            or name.startswith(ignored.beginnings)
            or name.endswith(ignored.ends)
        )
        # Telegraf takes a histogram as a whole: what is watched of it says that it is wanted.
        assert bool(names) is not left_out, name
    assert set(watched) - found == {
        "http_write_request_count",
        "influxql_service_executing_duration_seconds_sum",
    }


def test_nothing_watched_of_influxdb_has_a_series_for_each_client() -> None:
    """The labels path and user_agent of http_api_* are what a client says."""
    assert not {"path", "user_agent"} & set(CATALOGS["influxdb"].placeholders)
    assert "http_api_*" in [each.name for each in CATALOGS["influxdb"].ignored]


def test_django_clickhouse_has_one_gauge_four_timers_and_six_counters() -> None:
    types = [metric.type.value for metric in CATALOGS["django-clickhouse"].metrics]
    assert {kind: types.count(kind) for kind in types} == {"gauge": 1, "timer": 4, "counter": 6}


def test_django_clickhouse_has_the_documented_steps_and_operations() -> None:
    placeholders = CATALOGS["django-clickhouse"].placeholders
    assert placeholders["step"].values == (
        "pre_sync",
        "get_operations",
        "get_sync_objects",
        "get_insert_batch",
        "get_final_versions",
        "insert",
        "post_sync",
    )
    assert {"create", "update", "delete"} <= set(placeholders["operation"].values or ())


def test_what_should_be_zero_is_a_condition() -> None:
    for app in ("django-clickhouse", "realm"):
        for metric in CATALOGS[app].metrics:
            if re.search("should be zero|should not normally happen", metric.description, re.I):
                assert metric.condition
                assert metric.condition.above == 0


def test_dataclay_has_the_documented_services() -> None:
    services = {
        metric.name.removeprefix("dataclay_"): metric.labels["service"]
        for metric in CATALOGS["dataclay"].metrics
    }
    both = ("backend", "client")
    assert services == {
        "inmemory_objects": both,
        "loaded_objects": ("backend",),
        "stored_objects": ("backend",),
        "inmemory_misses_total": both,
        "inmemory_hits_total": both,
    }
    scrape = CATALOGS["dataclay"].scrape
    assert scrape
    assert scrape.port == 8000


def test_the_bucket_of_a_tinybird_job_is_the_documented_one() -> None:
    """tinybird.{region_machine}.jobs.{database_server}.{database}.{kind}.{status}"""
    tinybird = CATALOGS["tinybird-jobs"]
    values = tinybird.pattern(tinybird.metrics[0]).match("tinybird.m.jobs.s.d.import.ok")
    assert values == {
        "region_machine": "m",
        "database_server": "s",
        "database": "d",
        "kind": "import",
    }
