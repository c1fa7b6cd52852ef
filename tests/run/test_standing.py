from __future__ import annotations

import json
from typing import Any

import pytest

from provision.run.ansible import Difference, HostResult
from provision.run.standing import as_json, duration, show, size, standings

CHANGED = {
    "telegraf": {"changed": 1_700_000_000, "by": "ann@laptop", "version": "0.1.0"},
    "packages": {"changed": 1_600_000_000, "by": "bob@desk", "version": "0.0.9"},
}
DIFFERS = Difference("telegraf", "file", "/x", "change", "its content differs")


def host(
    state: str = "active", outdated: bool = False, version: str = "1.39", **more: Any
) -> HostResult:
    service = {
        "name": "telegraf",
        "package": "telegraf",
        "version": version,
        "state": state,
        "seconds": 90_000 if state == "active" else None,
        "restarts": 2,
        "outdated": outdated,
    }
    standing = {
        "services": [service],
        "changed": CHANGED,
        "data": {"/var/lib/telegraf": 1_234_567},
        "free": 5_000_000_000,
    }
    return HostResult(standing=standing, **more)


HOSTS = {
    "a-well": host(),
    "b-differs": host(differences=[DIFFERS, DIFFERS]),
    "c-old": host(outdated=True),
    "d-failed": host(failed="InfluxDB refuses", remedy="do this"),
    "e-idle": host("failed", differences=[DIFFERS]),
    "f-away": HostResult(failed="no route", remedy="see that it runs", unreachable=True),
}


def test_the_worst_comes_first() -> None:
    assert [(each.host, each.problem) for each in standings(HOSTS)] == [
        ("f-away", "cannot be reached"),
        ("e-idle", "telegraf is failed"),
        ("d-failed", "InfluxDB refuses"),
        ("c-old", "telegraf runs older than installed"),
        ("b-differs", "differs"),
        ("a-well", None),
    ]


def test_a_service_whose_package_is_gone_is_not_called_stopped() -> None:
    for state, told in [("inactive", "not installed"), ("failed", "failed")]:  # half configured
        [standing] = standings({"a": host(state, version="")})
        assert standing.problem == f"telegraf is {told}"


def test_each_host_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(standings(HOSTS))
    lines = capsys.readouterr().out.splitlines()
    well = next(line for line in lines if line.startswith("a-well"))
    for text in ("as it should be", "telegraf 1.39", "25 h", "2023-11-1", "ann@laptop (0.1.0)"):
        assert text in well
    assert well.split()[-5:] == ["0", "1.23", "MB", "5", "GB"]
    away = next(line for line in lines if line.startswith("f-away"))
    assert "cannot be reached" in away and " - " in away
    assert "  remedy: do this" in lines
    assert lines[-1] == "6 hosts, 1 as it should be, 2 differ (provision plan)"


def test_fifty_hosts_are_fifty_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(standings({f"w{number}": host() for number in range(50)}))
    assert len(capsys.readouterr().out.splitlines()) == 52


def test_programs_read_the_same() -> None:
    found = json.loads(as_json(standings(HOSTS)))
    assert [each["host"][0] for each in found] == list("fedcba")
    assert found[-1]["services"][0]["seconds"] == 90_000
    assert found[-1]["changed"]["by"] == "ann@laptop"


def test_numbers_are_told_in_one_unit() -> None:
    assert [duration(n) for n in (0, 119, 120, 7199, 200_000)] == [
        *("0 s", "119 s", "2 min", "119 min", "2 d"),
    ]
    assert [size(n) for n in (0, 999, 1500, 2_000_000_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2 TB",
    ]
