from __future__ import annotations

import json

import pytest
from rich.console import Console

from provision.run import plan_view
from provision.run.ansible import Diff, Difference, HostResult, RunResult
from provision.run.plan import plan_of, surprises
from provision.run.plan_view import as_json, show_diff, show_outcome, show_plan

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
    show_plan(plan_of(result), **{"check": False, "diff": False, **options}, seconds=1.25)
    return capsys.readouterr().out.splitlines()


def test_a_result_is_told_with_what_helps_and_failures_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told(capsys, RESULT) == [
        "w2  changed",
        "  install package telegraf",
        "  change file /etc/[x] (by hand)",
        "w1  as it should be",
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


def test_what_a_host_that_failed_should_have_is_not_told_as_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = RunResult({"w1": HostResult(differences=[FILE], changed=1, failed="x")}, 2, "")
    assert told(capsys, result)[:4] == [
        "w1  failed",
        "  not all of this is done:",
        "  change file /etc/[x] (by hand)",
        "  x",
    ]
    assert told(capsys, result, check=True)[1] == "  change file /etc/[x] (by hand)"


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
    monkeypatch.setattr(plan_view, "out", console)
    with console.capture() as capture:
        show_diff(Diff("x", "a\nb\n", "a\nc\n"))
    lines = capture.get().splitlines()
    assert [
        line for line in lines if "\x1b[32m+c\x1b[0m" in line or "\x1b[31m-b\x1b[0m" in line
    ] == (lines[-2:])
    assert lines[-3] == "   a"


CONF = "/etc/telegraf/telegraf.conf"
EDIT = Difference("telegraf", "file", CONF, "change", "its content differs")
RESTART = Difference("telegraf", "service", "telegraf", "restart", "its configuration changes")


def fleet(many: int, down: int = 0) -> RunResult:
    hosts = {
        f"w{number}": HostResult(
            differences=[EDIT],
            effects=[RESTART],
            lines={CONF: (2, 1)},
            diffs=[Diff(CONF, "a", "b")],
        )
        for number in range(many)
    }
    gone = {
        f"x{number}": HostResult(
            failed=f"ssh: connect to host 192.0.2.{number} port 22: No route to host",
            remedy=f"leave it out: --limit '!x{number}'",
            unreachable=True,
        )
        for number in range(down)
    }
    return RunResult({**hosts, **gone}, 0, "")


def test_on_how_many_hosts_rules_are_loaded_is_summed_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = Difference("telegraf", "rules", "telegraf", "load", "they are not in the kernel")
    hosts = {f"w{number}": HostResult(differences=[rules]) for number in range(2)}
    found = told(capsys, RunResult(hosts, 0, ""), check=True)
    assert found[-2] == "rules loaded: telegraf on 2 hosts"


def test_fifty_hosts_are_one_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(capsys, fleet(47, 3), check=True)
    assert len(found) == 8
    assert found[0].startswith("w0, w1, w10, ") and found[0].endswith(", w9  would change")
    assert found[1:3] == [
        f"  change file {CONF} (its content differs), +2 -1 lines",
        "  restart service telegraf (its configuration changes)",
    ]
    assert found[3] == "x0, x1, x2  cannot be reached"
    assert found[5] == "  remedy: leave it out: --limit '!x0:!x1:!x2'"
    assert found[6:] == [
        "restarted: telegraf on 47 hosts",
        "50 hosts, 47 would change, 3 failed, 1.2 s",
    ]
    console = Console(force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(plan_view, "out", console)
    with console.capture() as capture:
        show_plan(plan_of(fleet(50)), check=True, diff=False, seconds=1)
    first = capture.get().splitlines()[0]
    assert first.endswith(" and 42 more  would change") and len(first) <= 80
    assert first.startswith("w0, w1, w10")


def test_the_differences_of_hosts_alike_are_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, fleet(3), check=True, diff=True)
    assert "  (as on w0)" in found
    assert found.count(f"  --- {CONF}") == 1


def test_many_of_a_kind_are_a_line_unless_the_whole_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = [
        Difference("grafana", "alert rule", f"R{number}", "create", "it is missing")
        for number in range(40)
    ]
    host = HostResult(differences=rules)
    result = RunResult({"m": host}, 0, "")
    assert told(capsys, result, check=True)[1] == (
        "  create 40 alert rules (it is missing): R0, R1, R2 and 37 more"
    )
    assert len(told(capsys, result, check=True, diff=True)) == 42
    tokens = [
        Difference("influxdb", "state", f"token influxdb_write_token_w{number}", "create", "new")
        for number in range(50)
    ]
    result = RunResult({"m": HostResult(differences=tokens)}, 0, "")
    names = ", ".join(each.name.removeprefix("token ") for each in tokens[:3])
    assert told(capsys, result, check=True)[1] == f"  create 50 tokens (new): {names} and 47 more"


def test_what_is_lost_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    state = Difference("influxdb", "state", "bucket x", "change", "less", "points are deleted")
    found = told(capsys, RunResult({"m": HostResult(differences=[state])}, 0, ""), check=True)
    assert found[1:3] == ["  change bucket x (less)", "  warning: points are deleted"]


def test_after_a_plan_only_what_is_not_as_shown_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    shown = plan_of(fleet(2))
    result = fleet(2)
    result.hosts["w0"].differences = []
    result.hosts["w1"].differences = [EDIT, FILE]
    done = plan_of(result)
    show_outcome(done, surprises(shown, done), seconds=2)
    assert capsys.readouterr().out.splitlines() == [
        "w0, w1  changed",
        f"was planned, and not needed: change file {CONF} (its content differs), +2 -1 lines on w0",
        "was not in the plan, and is done: change file /etc/[x] (by hand) on w1",
        "2 hosts, 2 changed, 0 failed, 2.0 s",
    ]


def test_programs_get_every_host_and_step() -> None:
    found = json.loads(as_json(plan_of(fleet(1, 1)), diff=True))
    assert found["summary"] == {"hosts": 2, "would_change": 1, "failed": 1, "warnings": []}
    host = found["hosts"]["w0"]
    assert host["state"] == "would change"
    assert host["steps"][0] == {
        "area": "files",
        "action": "change",
        "kind": "file",
        "name": CONF,
        "why": "its content differs",
        "path": CONF,
        "come": 2,
        "go": 1,
    }
    assert host["diffs"][CONF].splitlines()[-2:] == ["-a", "+b"]
    assert found["hosts"]["x0"]["state"] == "unreachable"
    assert "No route" in found["hosts"]["x0"]["problem"]
