from __future__ import annotations

import random

from provision.verify.findings import Area, Finding, Status, failed, worst_first


def finding(status: Status, area: Area = Area.METRIC, host: str = "", name: str = "") -> Finding:
    return Finding(status, area, host, name, "")


def test_the_worst_comes_first_then_area_host_and_name() -> None:
    expected = [
        finding(Status.FAILED, Area.HOST, "w2", "a"),
        finding(Status.FAILED, Area.PANEL, "", "a"),
        finding(Status.WARNING, Area.UNDOCUMENTED, "w1", "z"),
        finding(Status.UNSEEN, Area.METRIC, "w1", "a"),
        finding(Status.UNSEEN, Area.METRIC, "w1", "b"),
        finding(Status.UNSEEN, Area.METRIC, "w2", "a"),
        finding(Status.OK, Area.HOST, "a", "a"),
    ]
    shuffled = list(expected)
    random.Random(1).shuffle(shuffled)
    assert shuffled != expected
    assert worst_first(shuffled) == expected


def test_the_order_is_one_whatever_order_the_findings_come_in() -> None:
    alike = [Finding(Status.OK, Area.HOST, "w", "n", detail) for detail in ("b", "a", "c")]
    assert worst_first(alike) == worst_first(alike[::-1])


def test_only_a_fault_fails() -> None:
    others = [finding(status) for status in Status if status is not Status.FAILED]
    assert len(others) == 3
    assert not failed(others)
    assert failed([*others, finding(Status.FAILED)])
    assert not failed([])
