from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from rich.console import Console

from provision.output import Screen
from provision.run import view
from provision.run.view import MOST_LINES, RunView


def event(host: str, **values: Any) -> Mapping[str, Any]:
    return {"event": "result", "host": host, "task": "Install", "status": "ok", **values}


def task(host: str, name: str) -> Mapping[str, Any]:
    return {"event": "host_task", "host": host, "task": name}


def lines(shown: RunView) -> list[str]:
    """What stands on a terminal at this moment."""
    console = Console(width=100)
    with console.capture() as capture:
        console.print(shown._lines())
    without_spinner = [re.sub(r"^\S ", "", line) for line in capture.get().splitlines()]
    return [re.sub(r"\d+ s$", "N s", line.rstrip()) for line in without_spinner]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    screen = Screen(stderr=True)
    screen.console = Console(force_terminal=True, width=100, emoji=False)
    monkeypatch.setattr(view, "err", screen)
    yield screen.console


def said(
    capsys: pytest.CaptureFixture[str], *events: Mapping[str, Any], quiet: bool = False
) -> str:
    shown = RunView(quiet=quiet)
    shown.begin(["w1"])
    for each in ({"event": "begun"}, *events):
        shown.take(each)
    shown.end()
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_where_nobody_looks_each_change_and_failure_is_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(
        capsys,
        task("w1", "Install"),
        event("w1"),
        event("w1", status="changed"),
        event("w2", status="failed"),
        event("w3", status="unreachable", task="Gather"),
        event("w1", status="skipped"),
    )
    assert text.splitlines() == [
        "w1: Install: changed",
        "w2: Install: failed",
        "w3: Gather: unreachable",
    ]


def test_what_a_comparison_finds_is_not_told_as_a_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said(capsys, event("w1", status="changed", differences=[])) == ""


def test_where_ansible_prints_for_itself_nothing_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said(capsys, event("w1", status="failed"), quiet=True) == ""


def test_names_are_no_markup_and_no_orders_to_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(capsys, event("[red]w1[/red]", status="changed", task="a\x1b[2Jb :smile:"))
    assert text == "[red]w1[/red]: a\ufffd[2Jb :smile:: changed\n"


def test_on_a_terminal_there_is_a_line_for_each_host_that_is_at_work(terminal: Console) -> None:
    shown = RunView()
    shown.begin(["w2", "w1"])
    shown.take({"event": "begun"})
    assert lines(shown) == ["w1  connecting  N s", "w2  connecting  N s"]
    shown.take(task("w1", "Install"))
    assert lines(shown) == ["w1  Install  N s", "w2  connecting  N s"]
    shown.take({"event": "stats", "hosts": {}})
    assert lines(shown) == []
    shown.end()
    shown.end()


def test_hosts_beyond_what_a_terminal_holds_are_counted(terminal: Console) -> None:
    shown = RunView()
    shown.begin([f"w{number:03}" for number in range(MOST_LINES + 488)])
    found = lines(shown)
    shown.end()
    assert len(found) == MOST_LINES + 1
    assert found[-1] == "and 488 more hosts"


def test_events_of_other_kinds_break_nothing(terminal: Console) -> None:
    shown = RunView()
    shown.begin([])
    for each in ({}, {"event": "begun"}, {"event": "play"}, {"event": "stats", "hosts": {}}):
        shown.take(each)
    shown.end()


def test_who_is_waited_for_is_told_where_nobody_sees_it_live(
    capsys: pytest.CaptureFixture[str],
) -> None:
    events = [task("w1", "Install"), task("w2", "Install"), event("w2"), {"event": "quiet"}]
    assert "waiting for w1 (Install, 0 s)" in said(capsys, *events)
