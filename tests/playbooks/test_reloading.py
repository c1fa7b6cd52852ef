"""How services take up their files while they run, with a false systemctl and real sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import listening, reloading

#: Listens on a UDP port, and does with SIGHUP what it is told to: opens its socket anew, or not.
LISTENER = """
import os, signal, socket, sys, time
how, port = sys.argv[1], 0
def open_socket():
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", port))
    return listener
def anew(*_):
    global listener
    if how == "later":
        time.sleep(1)
    if how in ("anew", "later"):
        listener.close()
        listener = open_socket()
    elif how == "deaf":
        listener.close()
    elif how == "ends":
        os._exit(1)
listener = open_socket()
first = listener.getsockname()[1]
port = int(sys.argv[2]) if len(sys.argv) > 2 else first
signal.signal(signal.SIGHUP, anew)
print(first, flush=True)
while True:
    signal.pause()
"""
RUNS = """#!/bin/sh
echo "$*" >>{folder}/asked
case "$*" in
show*)
    state=active; kill -0 {pid} 2>/dev/null || state=failed
    printf 'LoadState=loaded\\nActiveState=%s\\nUnitFileState={enabled}\\n' $state
    printf 'MainPID={pid}\\nJob={job}\\nControlGroup=/x.service\\n'
    printf '%s' '{how}';;
*reload*) {reload};;
esac
"""
Made = Callable[..., dict[str, Any]]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Makes a service that listens, with a false systemctl, and gives what is wanted of it."""
    started: list[subprocess.Popen[str]] = []
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(listening, "_GROUPS", (str(tmp_path),))
    monkeypatch.setattr(reloading, "_DEAF", 0.5)

    def make(does: str = "anew", **answers: str) -> dict[str, Any]:
        listener = subprocess.Popen(
            [sys.executable, "-c", LISTENER, *does.split(" ", 1)], stdout=subprocess.PIPE, text=True
        )
        started.append(listener)
        assert listener.stdout
        port = listener.stdout.readline().strip()
        (tmp_path / "x.service").mkdir()
        (tmp_path / "x.service/cgroup.procs").write_text(f"{listener.pid}\n")
        of = {"enabled": "enabled", "job": "", "reload": f"kill -HUP {listener.pid}", "how": ""}
        text = RUNS.format(folder=tmp_path, pid=listener.pid, **(of | answers))
        (tmp_path / "systemctl").write_text(text)
        (tmp_path / "systemctl").chmod(0o755)
        return {
            "timeout": 2,
            "stable_seconds": 0,
            "services": [{"name": "telegraf", "listen": [f"udp:127.0.0.1:{port}"]}],
        }

    yield make
    for each in started:
        each.kill()
        each.communicate()


def asked(folder: Path) -> set[str]:
    return {line.split()[-2] for line in (folder / "asked").read_text().splitlines()}


def test_a_service_that_opens_its_sockets_anew_has_taken_up_its_files(
    tmp_path: Path, running: Made
) -> None:
    wanted = running()
    assert reloading.reload(wanted)
    assert "reload" in asked(tmp_path)


def shown(*commands: str) -> str:
    """What systemd shows of the commands that reload a unit."""
    status = "ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null)"
    return "".join(
        f"ExecReload={{ path={words.split()[0]} ; argv[]={words} ; {status} }}\n"
        for words in commands
    )


@pytest.mark.parametrize(
    "command",
    ["/bin/kill -HUP $MAINPID", "/usr/bin/kill -s HUP $MAINPID", "/bin/kill -SIGHUP $MAINPID"],
)
def test_where_a_unit_does_nothing_but_send_a_signal_it_is_sent(
    tmp_path: Path, running: Made, command: str
) -> None:
    assert reloading.reload(running(how=shown(command)))
    assert "reload" not in asked(tmp_path)


@pytest.mark.parametrize(
    "commands",
    [
        ["/bin/kill -HUP $MAINPID", "/usr/bin/logger reloaded"],
        ["/usr/bin/logger reloaded", "/bin/kill -HUP $MAINPID"],
        ["/bin/kill -USR1 $MAINPID"],
        ["/bin/kill -HUP 1"],
        ["/usr/bin/skill -HUP $MAINPID"],
        ["/bin/kill -HUP $MAINPID $OTHERS"],
    ],
)
def test_where_a_unit_does_something_else_systemd_is_told(
    tmp_path: Path, running: Made, commands: list[str]
) -> None:
    assert reloading.reload(running(how=shown(*commands)))
    assert "reload" in asked(tmp_path)


def test_one_that_was_started_anew_since_it_was_seen_is_not_told(
    tmp_path: Path, running: Made
) -> None:
    wanted = running(how=shown("/bin/kill -HUP $MAINPID"))
    past = reloading.Running(wanted["services"][0], "/x.service", {1}, 1)
    assert not reloading.reload(wanted, [past]), "who had its number then may be another now"
    assert not (tmp_path / "asked").exists()


def test_one_that_takes_another_port_need_not_have_had_it(running: Made) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    wanted = running(f"anew {port}")
    wanted["services"][0]["listen"] = [f"udp:127.0.0.1:{port}"]
    assert reloading.reload(wanted)


def test_one_of_which_a_socket_is_missing_has_not_taken_them_up(running: Made) -> None:
    wanted = running()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        wanted["services"][0]["listen"].append(f"udp:127.0.0.1:{other.getsockname()[1]}")
        assert not reloading.reload(wanted)


def test_one_that_is_heard_meanwhile_has_its_time(running: Made) -> None:
    """It ends what it does first, longer than nobody may be there to listen."""
    assert reloading.reload(running("later"))


@pytest.mark.parametrize(
    ("how", "answers"),
    [("keeps", {}), ("ends", {}), ("anew", {"reload": "exit 1"})],
)
def test_a_service_that_does_not_is_to_be_restarted(
    running: Made, how: str, answers: dict[str, str]
) -> None:
    assert not reloading.reload(running(how, **answers))


def test_what_others_have_put_in_the_place_of_a_signal_has_less_time(
    running: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_OTHERS", 0.3)
    wanted = running("keeps", how=shown("/bin/true"), reload="true") | {"timeout": 60}
    started = time.monotonic()
    assert not reloading.reload(wanted)
    assert time.monotonic() - started < 30


def test_one_that_is_watched_for_longer_is_watched_after_that(running: Made) -> None:
    wanted = running() | {"stable_seconds": 0.7}
    started = time.monotonic()
    assert reloading.reload(wanted), "it was not restarted for that"
    assert time.monotonic() - started >= 0.7


@pytest.mark.parametrize("answers", [{"enabled": "disabled"}, {"job": "71"}])
def test_what_is_not_at_work_as_it_should_be_is_not_reloaded(
    tmp_path: Path, running: Made, answers: dict[str, str]
) -> None:
    assert not reloading.reload(running(**answers))
    assert "reload" not in asked(tmp_path)


def test_what_cannot_be_seen_is_not_reloaded(tmp_path: Path, running: Made) -> None:
    wanted = running()
    assert not reloading.reload({**wanted, "services": [{"name": "telegraf", "listen": []}]})
    (tmp_path / "x.service/cgroup.procs").write_text("1\n")
    assert not reloading.reload(wanted), "another listens in its place"
    (tmp_path / "x.service/cgroup.procs").unlink()
    assert not reloading.reload(wanted)
    assert "reload" not in asked(tmp_path)


def test_a_long_wait_takes_few_glances(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, glances = [100.0], []
    monkeypatch.setattr(reloading.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        reloading.time, "sleep", lambda seconds: clock.append(clock.pop() + max(seconds, 1e-6))
    )

    def comes() -> bool:
        glances.append(clock[0])
        return clock[0] >= 105

    assert reloading._await(comes, 60)
    assert clock[0] < 105.6
    assert len(glances) < 90
    assert not reloading._await(lambda: False, 2)
