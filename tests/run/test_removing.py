from __future__ import annotations

import pytest

from provision.run.ansible import Difference, HostResult, RunResult, Stay
from provision.run.removing import groups, show_removal

GOES = Difference("telegraf", "package", "telegraf", "remove", "it was not installed before")
DATA = Stay("data", "/var/lib/influxdb", "1 GiB; --data deletes it")
HOSTS = {
    "w2": HostResult(differences=[GOES]),
    "w1": HostResult(differences=[GOES]),
    "w3": HostResult(failed="no route", remedy="see that it runs", unreachable=True),
    "clean": HostResult(),
    "m": HostResult(stays=[DATA]),
}


def test_hosts_of_which_the_same_is_to_be_said_are_told_together() -> None:
    assert groups(HOSTS) == [("clean",), ("m",), ("w1", "w2"), ("w3",)]


def test_a_plan_says_what_goes_and_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    show_removal(RunResult(HOSTS, 0, ""), check=True, seconds=1)
    assert capsys.readouterr().out.splitlines() == [
        "clean  nothing of provision is on it",
        "m  nothing of provision is on it but data",
        "  leave data /var/lib/influxdb (1 GiB; --data deletes it)",
        "w1, w2  would take away",
        "  remove package telegraf (it was not installed before)",
        "w3  cannot be reached",
        "  no route",
        "  remedy: see that it runs",
        "5 hosts, 2 would be taken from, 1 failed, 1.0 s",
    ]
