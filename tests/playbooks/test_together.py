"""Many hosts asked at once: by real processes here, in place of ssh."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from comparing import together
from comparing.answers import Answer

SAYS = "echo '@@ clock @@'; trap \"echo '@@ end @@'\" 0; "
Question = Callable[[], tuple[list[bytes], bytes]]


def runs(script: str) -> Question:
    return lambda: ([b"/bin/sh"], script.encode())


def answers(most: int = 50, **scripts: Question | str) -> dict[str, Answer | None]:
    questions = [
        (host, runs(given) if isinstance(given, str) else given) for host, given in scripts.items()
    ]
    asked = together.ask(questions, most)
    return {host: ended and ended.answer() for host, ended in asked}


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_each_answer_is_of_its_host_and_says_when_it_came() -> None:
    before, descriptors = time.time(), open_descriptors()
    found = answers(a=f"{SAYS} echo a", b=f"{SAYS} sleep 0.3; echo b")
    assert list(found) == ["a", "b"], "who is quicker comes first"
    a, b = found["a"], found["b"]
    assert a and b
    assert (a.output, b.output) == tuple(f"@@ clock @@\n{host}\n@@ end @@\n" for host in "ab")
    assert before <= b.before <= b.after <= time.time()
    assert b.after - b.before >= 0.3
    assert open_descriptors() == descriptors


@pytest.mark.parametrize("most", [1, 2, 50])
def test_who_has_answered_may_be_asked_again_while_others_answer(most: int) -> None:
    hosts = {"slow": f"{SAYS} sleep 0.5", "a": SAYS, "b": SAYS, "gone": "exit 255"}
    questions = [(host, runs(script)) for host, script in hosts.items()]
    found: list[tuple[str, bool]] = []
    for host, ended in together.ask(questions, most):
        answered = bool(ended and ended.answer())
        found.append((host, answered))
        if answered and found.count((host, True)) < 3:
            questions.append((host, runs(SAYS)))
    assert sorted(found) == sorted(
        [(host, True) for host in ("slow", "a", "b")] * 3 + [("gone", False)]
    )
    assert questions == []
    if most > 2:
        assert found[0][0] != "slow" and found.index(("slow", True)) >= 7


def test_hosts_are_asked_at_the_same_time_but_no_more_than_so_many(tmp_path: Path) -> None:
    script = f"{SAYS} cd {tmp_path}; : >$$; ls | wc -l; sleep 1; rm $$"
    hosts = {f"h{number}": script for number in range(7)}
    at_once = {
        most: max(
            int(answer.output.split()[3]) for answer in answers(most, **hosts).values() if answer
        )
        for most in (3, 50)
    }
    assert at_once[3] == 3
    assert at_once[50] == 7


def test_a_question_is_as_long_as_it_is_and_so_is_its_answer() -> None:
    text = "x" * 300_000
    (answer,) = answers(a=f"{SAYS} cat <<'END'\n{text}\nEND\n").values()
    assert answer
    assert answer.output == f"@@ clock @@\n{text}\n@@ end @@\n"


def test_who_cannot_be_asked_or_says_nothing_of_ours_has_no_answer() -> None:
    def broken() -> tuple[list[bytes], bytes]:
        raise RuntimeError("broken")

    descriptors = open_descriptors()
    found = answers(
        none=lambda: ([b"/nonexistent"], b""),
        broken=broken,
        fails=f"{SAYS} exit 255",
        other="echo Welcome",
        cut="echo '@@ clock @@'; echo 1",
        fine=SAYS,
    )
    assert {host for host, answer in found.items() if answer} == {"fine"}
    assert len(found) == 6
    assert open_descriptors() == descriptors


def test_how_each_ended_is_known() -> None:
    scripts = {"a": "echo said; echo why >&2; exit 3", "b": "exec kill -9 $$"}
    asked = together.ask([(host, runs(script)) for host, script in scripts.items()], 50)
    ended = {host: told and (told.status, told.stdout, told.stderr) for host, told in asked}
    assert ended == {"a": (3, "said\n", "why\n"), "b": (-9, "", "")}


def test_each_may_be_waited_for_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "LEAST"):
        monkeypatch.setattr(together, name, 0.1)
    descriptors = open_descriptors()
    scripts = {"a": SAYS, "b": "sleep 1; exit 1", "c": "echo begun; exec sleep 60", "d": "sleep 1"}
    questions = [(host, runs(script)) for host, script in scripts.items()]
    ended = dict(together.ask(questions, 3, within=3))
    told = {host: each and (each.status, each.given_up) for host, each in ended.items()}
    late = "Timed out after 3 second(s)."
    assert told == {"a": (0, ""), "b": (1, ""), "c": (-9, late), "d": (0, "")}
    assert ended["c"] and ended["c"].stdout == "begun\n"
    assert open_descriptors() == descriptors


def test_where_one_is_late_the_others_are_waited_for_on() -> None:
    def later() -> tuple[list[bytes], bytes]:
        time.sleep(1.5)
        return runs("sleep 2; exit 1")()

    ended = dict(together.ask([("late", runs("exec sleep 60")), ("b", later)], 50, within=2.5))
    told = {host: each and (each.status, bool(each.given_up)) for host, each in ended.items()}
    assert told == {"late": (-9, True), "b": (1, False)}


def test_where_there_are_no_more_descriptors_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    made = os.memfd_create

    def full(name: str) -> int:
        if open_descriptors() > descriptors + 2:
            raise OSError(24, "Too many open files")
        return made(name)

    descriptors = open_descriptors()
    monkeypatch.setattr(together.os, "memfd_create", full)
    assert answers(a=SAYS) == {"a": None}
    assert open_descriptors() == descriptors


def test_what_stays_behind_a_connection_is_not_waited_for() -> None:
    """As an ssh that keeps the connection, with all that was open when it began."""
    started = time.monotonic()
    (answer,) = answers(a=f"{SAYS} sleep 20 & ").values()
    assert answer
    assert time.monotonic() - started < 10


def test_who_takes_much_longer_than_the_others_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "LEAST", 0.4)
    descriptors = open_descriptors()
    late = f"echo $$ >{tmp_path}/late; {SAYS} exec sleep 60"
    started = time.monotonic()
    found = answers(late=late, quick=f"until [ -s {tmp_path}/late ]; do sleep 0.01; done; {SAYS}")
    assert time.monotonic() - started < 10
    assert found["quick"]
    assert found["late"] is None
    process = Path("/proc", (tmp_path / "late").read_text().strip())
    assert not process.exists(), "it is still there"
    assert open_descriptors() == descriptors


def test_where_nobody_answers_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "FIRST", 0.3)
    started = time.monotonic()
    assert answers(a="sleep 60", b="sleep 60") == {"a": None, "b": None}
    assert time.monotonic() - started < 10


def test_hosts_that_all_take_long_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "LEAST", 0.1)
    found = answers(a=f"{SAYS} sleep 0.6", b=f"{SAYS} sleep 1.1", c=f"{SAYS} sleep 1.8")
    assert all(found.values())


def test_as_long_as_enough_hosts_are_asked_nobody_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where those that are asked never answer: they are given up first."""
    monkeypatch.setattr(together, "FIRST", 0.3)
    script = f"cd {tmp_path}; : >$$; ls | wc -l >>../most; exec sleep 60"
    started = time.monotonic()
    assert set(answers(2, **dict.fromkeys("abcde", script)).values()) == {None}
    assert time.monotonic() - started < 10
    running = [path.name for path in tmp_path.iterdir() if Path("/proc", path.name).exists()]
    assert running == []


def test_who_looks_no_more_leaves_nothing_running(tmp_path: Path) -> None:
    descriptors = open_descriptors()
    sleeps = runs(f"echo $$ >{tmp_path}/pid; exec sleep 60")
    begun = f"until [ -s {tmp_path}/pid ]; do sleep 0.01; done; {SAYS}"
    asked = together.ask([("a", sleeps), ("b", runs(begun))], 50)
    assert next(asked)[0] == "b"
    asked.close()  # type: ignore[attr-defined]
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
    assert open_descriptors() == descriptors


def test_those_behind_hosts_that_are_down_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "FIRST", 1.5)
    down = {f"down{number}": "exec sleep 60" for number in range(3)}
    up = {f"up{number}": f"{SAYS} sleep 0.1" for number in range(6)}
    found = answers(3, **down, **up)
    assert {host for host, answer in found.items() if answer} == set(up)


def test_where_batch_after_batch_is_down_no_more_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "FIRST", 0.2)
    hosts = {f"h{number}": f": >{tmp_path}/$$; exec sleep 60" for number in range(12)}
    assert set(answers(2, **hosts).values()) == {None}
    assert len(list(tmp_path.iterdir())) <= 4


def test_one_that_cannot_be_waited_for_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(pid: int) -> int:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        time.sleep(0.1)
        raise OSError(24, "Too many open files")

    descriptors = open_descriptors()
    monkeypatch.setattr(together.os, "pidfd_open", full)
    assert answers(a=f"echo $$ >{tmp_path}/pid; exec sleep 60") == {"a": None}
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
    assert open_descriptors() == descriptors
