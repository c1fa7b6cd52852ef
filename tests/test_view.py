from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from rich.console import Console

from provision import view
from provision.ansible import Diff, Difference, HostResult, RunResult
from provision.view import MOST_LINES, RunView, show_diff, show_result


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
    console = Console(force_terminal=True, width=100, emoji=False)
    monkeypatch.setattr(view, "err", console)
    yield console


def said(
    capsys: pytest.CaptureFixture[str], *events: Mapping[str, Any], quiet: bool = False
) -> str:
    shown = RunView(quiet=quiet)
    shown.begin(["w1"])
    for each in events:
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
    for each in ({}, {"event": "play"}, {"event": "stats", "hosts": {}}):
        shown.take(each)
    shown.end()


FILE = Difference("telegraf", "file", "/etc/[x]", "change", "by hand")
PACKAGE = Difference("telegraf", "package", "telegraf", "install", "")
RESULT = RunResult(
    {
        "w2": HostResult(differences=[FILE, PACKAGE]),
        "w1": HostResult(),
        "w3": HostResult(failed="telegraf is not up", remedy="see its journal"),
        "w4": HostResult(failed="no route", unreachable=True),
    },
    2,
    "",
)


def told(capsys: pytest.CaptureFixture[str], result: RunResult, **options: bool) -> list[str]:
    show_result(result, **{"check": False, "diff": False, **options}, seconds=1.25)
    return capsys.readouterr().out.splitlines()


def test_a_result_is_told_host_by_host_with_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, RESULT) == [
        "w1  as it should be",
        "w2  changed",
        "  change file /etc/[x] (by hand)",
        "  install package telegraf",
        "w3  failed",
        "  telegraf is not up",
        "  remedy: see its journal",
        "w4  cannot be reached",
        "  no route",
        "4 hosts, 1 changed, 2 failed, 1.2 s",
    ]


def test_a_check_says_what_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, RESULT, check=True)
    assert "w2  would change" in found
    assert found[-1] == "4 hosts, 1 would change, 2 failed, 1.2 s"


def test_a_task_that_changed_something_counts_without_a_difference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = told(capsys, RunResult({"w1": HostResult(changed=1)}, 0, ""))
    assert found == ["w1  changed", "1 host, 1 changed, 0 failed, 1.2 s"]


def test_a_host_that_failed_after_a_change_is_counted_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    host = HostResult(differences=[FILE], changed=1, failed="x")
    assert told(capsys, RunResult({"w1": host}, 2, ""))[-1] == (
        "1 host, 0 changed, 1 failed, 1.2 s"
    )


def test_differences_of_files_are_shown_where_they_are_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    host = HostResult(diffs=[Diff("/etc/x", "a\nb\n", "a\n[bold]c\n")])
    result = RunResult({"w1": host}, 0, "")
    assert told(capsys, result, diff=True)[1:-1] == [
        "  --- /etc/x",
        "  +++ /etc/x",
        "  @@ -1,2 +1,2 @@",
        "   a",
        "  -b",
        "  +[bold]c",
    ]
    assert len(told(capsys, result, diff=False)) == 2


def test_a_diff_of_equal_texts_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_diff(Diff("x", "a\n", "a\n"))
    assert capsys.readouterr().out == ""


def test_on_a_terminal_what_comes_is_green_and_what_goes_is_red(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console = Console(force_terminal=True, color_system="standard", width=100)
    monkeypatch.setattr(view, "out", console)
    with console.capture() as capture:
        show_diff(Diff("x", "a\nb\n", "a\nc\n"))
    lines = capture.get().splitlines()
    assert [
        line for line in lines if "\x1b[32m+c\x1b[0m" in line or "\x1b[31m-b\x1b[0m" in line
    ] == (lines[-2:])
    assert lines[-3] == "   a"
