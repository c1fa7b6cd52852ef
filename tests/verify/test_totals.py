from __future__ import annotations

from collections.abc import Callable

from provision.fleet.model import Fleet
from provision.influx import Answer
from provision.verify.findings import Area, Finding, Status
from provision.verify.totals import LATE, totals_seen
from tests.verify.told import Told, answer, nothing, series

SITE = "monitor: {hosts: {m: }}\nworkers: {hosts: {w: {apps: [%s]}}}\n"
OK = "tinybird_jobs_ok:by_host"


def found(
    fleet_of: Callable[..., Fleet], tell: Callable[[str], Answer], app: str = "tinybird-jobs"
) -> tuple[list[Finding], Told]:
    database = Told(tell)
    return totals_seen(database, fleet_of(SITE % app).site, 5000, 10), database


def test_a_host_is_named_whose_total_is_not_as_new_as_its_series(
    fleet_of: Callable[..., Fleet],
) -> None:
    now = 1_000_000

    def tell(statement: str) -> Answer:
        if '"tinybird_jobs_ok"' in statement:
            return answer(*(series({"time": now}, host=host) for host in ("a", "b", "c")))
        if f'"{OK}"' in statement:
            late = now - LATE * 10_000
            return answer(series({"time": late}, host="a"), series({"time": late - 1}, host="b"))
        return answer()

    findings, database = found(fleet_of, tell)
    assert [(f.status, f.area, f.host, f.name) for f in findings] == [
        (Status.WARNING, Area.METRIC, host, OK) for host in ("b", "c")
    ]
    assert all("provision up" in finding.detail for finding in findings)
    assert len(database.statements) == 8
    assert all("time >= 5000ms" in statement for statement in database.statements)
    assert 'last("sum")' in database.statements[-1]


def test_totals_that_are_there_are_told_once(fleet_of: Callable[..., Fleet]) -> None:
    findings, _ = found(fleet_of, lambda _: answer(series({"time": 7}, host="a")))
    assert [(f.status, f.host) for f in findings] == [(Status.OK, "")] * 4


def test_of_what_never_came_nothing_is_told(fleet_of: Callable[..., Fleet]) -> None:
    assert found(fleet_of, nothing)[0] == []


def test_an_error_is_a_fault(fleet_of: Callable[..., Fleet]) -> None:
    findings, _ = found(fleet_of, lambda _: answer(error="too slow"))
    assert {(f.status, f.detail) for f in findings} == {(Status.FAILED, "too slow")}


def test_where_no_totals_are_kept_nothing_is_asked(fleet_of: Callable[..., Fleet]) -> None:
    findings, database = found(fleet_of, nothing, "realm")
    assert (findings, database.statements) == ([], [])
