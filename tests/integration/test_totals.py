"""Hosts' totals, as the real Telegraf writes them: graphs of them are those of all series."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from provision.catalog.model import GROUP_BY, TOTALS_TAG, Catalog
from provision.catalog.series import TOTALS
from provision.dashboards.build import build_dashboard
from provision.dashboards.model import Kind
from provision.dashboards.variables import UNDIVIDED, either, expand, totals_query
from provision.influx import InfluxDB
from provision.site.model import Site
from tests.integration.programs import (
    HOST,
    Database,
    Telegraf,
    rendered_telegraf,
    send,
    send_tcp,
    wait_for,
)

APP = "tinybird-jobs"
COUNTERS = ("tinybird_jobs_ok", "tinybird_jobs_error")
TIMERS = ("tinybird_jobs_total", "tinybird_jobs_working")
INTERVAL = 60_000

Rows = Sequence[Mapping[str, object]]


@pytest.fixture
def telegraf(database: Database, telegraf_binary: Path, tmp_path: Path) -> Iterator[Telegraf]:
    site = tmp_path / "site"
    apps = [APP, "django-clickhouse"]
    with rendered_telegraf(telegraf_binary, database, site, apps=apps) as running:
        yield running
    log = running.program.log.read_text(errors="replace")
    assert [line for line in log.splitlines() if " E! " in line and "closed" not in line] == []


def jobs(of: random.Random, number: int) -> list[str]:
    """What jobs tell when they end: of so many, of a few kinds in a few databases each."""
    found = []
    for _ in range(number):
        where = f"m{of.randrange(4)}.jobs.s{of.randrange(2)}.d_{of.randrange(5)}.k{of.randrange(3)}"
        seconds = of.randrange(500)
        found += [
            f"tinybird.{where}.{of.choice(['ok', 'ok', 'error'])}:1|c",
            f"tinybird.{where}.total:{seconds + 20}|ms",
            f"tinybird.{where}.working:{seconds}|ms",
        ]
    return found


def catalog(site: Site) -> Catalog:
    return next(each for each in site.catalogs if each.app == APP)


def now() -> int:
    return int(time.time() * 1000)


def summed(reader: InfluxDB, name: str, field: str) -> float:
    (answer,) = reader.ask([f'SELECT sum("{field}") FROM "{name}"'])
    return float(answer.series[0].rows[0]["sum"]) if answer.series else 0.0


def test_graphs_of_totals_are_those_of_all_series(database: Database, telegraf: Telegraf) -> None:
    of = random.Random(7)
    reader = database.reader()
    start = now() - 1000
    events = 0
    for _ in range(12):
        # Intervals are of one second, and what is sent falls anywhere.
        send_tcp(telegraf.tcp_port, jobs(of, 40))
        send(telegraf.port, ["clickhouse.sync.User.steps.insert:7|ms"])
        events += 40
        time.sleep(0.3)
    fields = {**dict.fromkeys(COUNTERS, "value"), **dict.fromkeys(TIMERS, "count")}

    def counted(suffix: str) -> list[float]:
        found = [summed(reader, name + suffix, field) for name, field in fields.items()]
        return [found[0] + found[1], *found[2:]]

    wait_for(lambda: counted("") == [events] * 3, "all jobs")
    wait_for(lambda: counted(TOTALS) == [events] * 3, "all jobs in the totals")
    end = now()
    graphs = [
        query.text
        for panel in build_dashboard(catalog(telegraf.site)).panels
        if panel.kind is Kind.GRAPH
        for query in panel.queries
    ]
    assert len(graphs) == 10
    for by in ([UNDIVIDED], ["host"]):
        of_all, of_totals = (
            [
                (series.tags, series.rows)
                for answer in reader.ask(
                    [
                        expand(
                            query,
                            start=start - 2 * INTERVAL,
                            end=end,
                            interval=INTERVAL,
                            values={GROUP_BY: either(by), TOTALS_TAG: suffix},
                        )
                        for query in graphs
                    ]
                )
                for series in answer.series
            ]
            for suffix in ("", TOTALS)
        )
        assert len(of_all) == len(graphs)
        assert [tags for tags, _ in of_all] == [{"host": HOST} if by == ["host"] else {}] * 10
        assert of_totals == of_all
    # One series for each metric that came and has totals.
    (answer,) = reader.ask(["SHOW SERIES"])
    kept = [str(row["key"]) for series in answer.series for row in series.rows]
    names = (*COUNTERS, *TIMERS, "django_clickhouse_sync_steps")
    measured = sorted(key.split(",")[0] for key in kept if TOTALS in key)
    assert measured == sorted(name + TOTALS for name in names)


def test_what_a_telegraf_that_ends_has_stored_is_in_the_totals(
    database: Database, telegraf_binary: Path, tmp_path: Path
) -> None:
    """Wherever in an interval it ends, and whatever of it comes on each side of a period's end."""
    of = random.Random(3)
    for number in range(4):
        site = tmp_path / f"site-{number}"
        with rendered_telegraf(telegraf_binary, database, site, apps=[APP]) as telegraf:
            for _ in range(3):
                send_tcp(telegraf.tcp_port, jobs(of, 30))
                time.sleep(0.2 + of.random() / 2)
    reader = database.reader()
    for name in COUNTERS:
        stored = summed(reader, name, "value")
        assert summed(reader, name + TOTALS, "value") == stored > 0
    for name in TIMERS:
        for field in ("sum", "count"):
            stored = summed(reader, name, field)
            assert summed(reader, name + TOTALS, field) == stored > 0


def test_totals_are_asked_where_nothing_else_is_chosen_or_divided_by(
    database: Database, telegraf: Telegraf
) -> None:
    """Grafana puts each variable's choice into what asks it, All as `.*`."""
    send_tcp(telegraf.tcp_port, jobs(random.Random(1), 5))
    question = totals_query(catalog(telegraf.site))
    assert question is not None
    reader = database.reader()

    def found(by: str, **chosen: str) -> list[object]:
        asked = question.replace(f"${{{GROUP_BY}:csv}}", by)
        for tag in ("host", *catalog(telegraf.site).placeholders):
            asked = asked.replace(f"${{{tag}:regex}}", chosen.get(tag, ".*"))
        (answer,) = reader.ask([asked])
        assert answer.error is None
        return sorted({row["value"] for series in answer.series for row in series.rows})

    wait_for(lambda: found("host") == [TOTALS], "the totals")
    assert found(UNDIVIDED) == [TOTALS]
    assert found("(none),host") == [TOTALS]
    assert found("host", host=either([HOST])) == [TOTALS]
    assert found("host", host=either([HOST, "another.example.com"])) == [TOTALS]
    assert found("host", host="another.example.com") == []
    assert found("kind") == []
    assert found("host,kind") == []
    assert found("(none),host,region_machine,database_server,database,kind") == []
    assert found("host", kind="k1") == []
    assert found("host", kind=either(["k1", "k2"])) == []
    assert found(UNDIVIDED, region_machine="m1") == []


def test_numbers_that_are_too_large_together_are_no_harm(
    database: Database, telegraf: Telegraf
) -> None:
    most = 2**63 - 1
    reader = database.reader()
    name = f"tinybird_jobs_error{TOTALS}"
    before = summed(reader, name, "value")
    for kind in ("k1", "k2"):
        where = f"tinybird.m1.jobs.s1.huge.{kind}"
        lines = [f"{where}.ok:{most}|c", f"{where}.total:1.5e308|ms", f"{where}.error:3|c"]
        send_tcp(telegraf.tcp_port, lines)
    wait_for(lambda: summed(reader, name, "value") == before + 6, "the totals")
    (answer,) = reader.ask([f'SELECT max("value") FROM "tinybird_jobs_ok{TOTALS}"'])
    assert answer.series[0].rows[0]["max"] == most
