from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.cli import run
from provision.dashboards.fleet import all_dashboards
from provision.estimate import SIZES, Load, loads, size_for
from provision.fleet.model import Fleet

SITE = """
monitor: {hosts: {m: {influxdb_engine: 1}}}
workers:
  hosts:
    w1: {apps: [realm]}
    w2: {apps: [realm], telegraf_interval: 20s}
"""


def test_a_host_that_writes_half_as_often_makes_half_as_many_points(
    fleet_of: Callable[..., Fleet],
) -> None:
    found = {load.app: load for load in loads(fleet_of(SITE).site)}
    assert set(found) == {"realm", "host", "pipeline"}
    realm = found["realm"]
    assert realm.hosts == 2
    # Each of the two has the same series, of one field each: every 10 s, and every 20 s.
    assert realm.points == pytest.approx(realm.series / 2 / 10 + realm.series / 2 / 20)
    assert realm.queries > 0


def test_totals_of_hosts_are_series_too(fleet_of: Callable[..., Fleet]) -> None:
    made = fleet_of(SITE.replace("[realm]", "[tinybird-jobs]"))
    found = {load.app: load for load in loads(made.site)}
    # Two counters and two timers, each of 2,500 series and of a total.
    assert found["tinybird-jobs"].series == 2 * 4 * 2501


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        # Five metrics, of which a backend has all and a client three.
        ("dataclay_targets: [{url: 'a:1', service: backend}]", 5),
        ("dataclay_targets: [{url: 'a:1', service: backend}, {url: 'b:1', service: backend}]", 10),
        ("dataclay_targets: [{url: 'a:1', service: backend}, {url: 'c:1', service: client}]", 8),
        # What is pushed says itself what it is.
        ("dataclay_targets: [], dataclay_pushgateway: true", 8),
    ],
)
def test_each_process_that_is_scraped_has_series_of_its_own(
    fleet_of: Callable[..., Fleet], variables: str, expected: int
) -> None:
    made = fleet_of(
        f"monitor: {{hosts: {{m: }}}}\nworkers: {{hosts: {{w: {{apps: [dataclay], {variables}}}}}}}"
    )
    found = {load.app: load for load in loads(made.site)}
    assert found["dataclay"].series == expected


def test_what_a_plugin_tells_of_one_thing_is_one_series(fleet_of: Callable[..., Fleet]) -> None:
    (host,) = (load for load in loads(fleet_of(SITE).site) if load.app == "host")
    # Of cpu, mem, swap and system one each, five file systems and devices, four interfaces.
    assert host.series == 2 * (4 + 5 + 5 + 4)
    # Each has several fields, which are values of their own.
    assert host.points > 3 * host.series / 2 / 10


def test_a_limit_leaves_the_hosts_that_it_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(SITE)
    assert run(["estimate", "-i", str(path), "-l", "w2", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["hosts"] for row in told["site"]} == {1}
    assert {row["hosts"] for row in told["per_1000_hosts"]} == {1000}


def test_a_thousand_hosts_are_asked_no_more_queries(fleet_of: Callable[..., Fleet]) -> None:
    for load in loads(fleet_of(SITE).site):
        many = load.for_hosts(1000)
        assert (many.hosts, many.series, many.queries) == (1000, load.series * 500, load.queries)
        assert many.bytes_a_day(3) == pytest.approx(load.bytes_a_day(3) * 500)


def test_it_is_told_to_people_and_to_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(SITE)
    assert run(["estimate", "-i", str(path)]) == 0
    text = capsys.readouterr().out
    assert "this site" in text and "per 1,000 hosts" in text and "realm" in text
    assert run(["estimate", "-i", str(path), "--format", "json", "--bytes-a-point", "6"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["site"]) == len(told["per_1000_hosts"]) == 3
    for row in (*told["site"], *told["per_1000_hosts"], told["together"]):
        assert row["bytes_a_day"] == pytest.approx(row["points"] * 86_400 * 6, rel=0.02)
        # As long as it is kept by default.
        assert row["bytes_kept"] == pytest.approx(row["bytes_a_day"] * 30, abs=30)
    assert told["together"]["series"] == sum(row["series"] for row in told["site"])
    assert told["machine"]["cores"] == "2 to 4"


@pytest.mark.parametrize("given", ["nan", "inf", "1e400", "0", "-1", "1001"])
def test_bytes_that_no_point_takes_are_refused(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(SITE)
    assert run(["estimate", "-i", str(path), "--bytes-a-point", given]) == 2
    assert "--bytes-a-point" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["nobody", "m"])
def test_where_no_worker_is_left_that_is_told(
    limit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(SITE)
    assert run(["estimate", "-i", str(path), "-l", limit]) == 1
    assert "no worker is left to estimate" in capsys.readouterr().err


def test_how_long_others_keep_it_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(SITE.replace("influxdb_engine: 1", "influxdb: {external: 'https://i'}"))
    assert run(["estimate", "-i", str(path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["together"]["bytes_kept"] is None


def test_queries_are_those_of_a_dashboard_as_it_opens(fleet_of: Callable[..., Fleet]) -> None:
    site = fleet_of(SITE).site
    built = all_dashboards(site.catalogs)
    for load in loads(site):
        rows = built[load.app].rows
        opened = [panel for row in rows if not row.collapsed for panel in row.panels]
        assert load.queries == sum(len(panel.queries) for panel in opened) / 30
        assert any(row.collapsed for row in rows)


def test_what_is_kept_for_ever_has_no_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(
        SITE.replace("influxdb_engine: 1", "influxdb_engine: 1, influxdb_retention: 0s")
    )
    assert run(["estimate", "-i", str(path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["together"]["bytes_kept"] is None
    assert run(["estimate", "-i", str(path)]) == 0
    assert " in " not in capsys.readouterr().out.splitlines()[1]


@pytest.mark.parametrize(
    ("series", "points", "expected"),
    [
        (99_999, 4_999, SIZES[0]),
        (100_000, 1, SIZES[1]),
        (1, 250_000, SIZES[2]),
        (10_000_000, 1, None),
        (1, 750_000, None),
    ],
)
def test_a_machine_is_as_large_as_series_or_points_ask(
    series: int, points: float, expected: object
) -> None:
    assert size_for([Load("one", 1, series, points, 0)]) is expected
    # What several applications ask is added.
    halves = Load("half", 1, series - series // 2, points / 2, 0)
    assert size_for([halves, Load("rest", 1, series // 2, points / 2, 0)]) is expected


def test_a_site_that_one_influxdb_may_not_bear_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    many = "".join(f"    w{number}: {{apps: [tinybird-jobs]}}\n" for number in range(1000))
    path.write_text(SITE.replace("    w1: {apps: [realm]}\n", many))
    for form in ("text", "json"):
        assert run(["estimate", "-i", str(path), "--format", form]) == 0
        said = " ".join(capsys.readouterr().err.split())
        assert "one InfluxDB may not bear this" in said and "docs/fleets.md" in said
        assert "% of these series are tinybird-jobs's" in said
    path.write_text(SITE)
    assert run(["estimate", "-i", str(path)]) == 0
    assert "2 to 4 cores" in " ".join(capsys.readouterr().err.split())
