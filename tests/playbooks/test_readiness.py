from __future__ import annotations

import http.server
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from ansible.module_utils.provision import listening, readiness


def waiting(shown: list[str], **more: object) -> readiness.Waiting:
    """A wait in which systemctl shows one text after another, and the last for ever."""
    values = {"listen": [], "health": None, "timeout": 1.5, "stable": 0, **more}
    return readiness.Waiting(
        show=lambda: shown.pop(0) if len(shown) > 1 else shown[0],
        **values,  # type: ignore[arg-type]
    )


def show(
    state: str = "active", *, restarts: int = 0, pid: int = 7, job: str = "", group: str = ""
) -> str:
    return (
        f"LoadState=loaded\nActiveState={state}\nSubState=x\nResult=exit-code\n"
        f"NRestarts={restarts}\nMainPID={pid}\nJob={job}\nControlGroup={group}\n"
    )


def test_waits_for_listeners_and_health(server: http.server.HTTPServer) -> None:
    port = server.server_address[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        listen = [f"tcp:127.0.0.1:{port}", f"udp:127.0.0.1:{udp.getsockname()[1]}"]
        url = f"http://127.0.0.1:{port}"
        assert waiting([show()], listen=listen, health=f"{url}/ping").wait() == ""
        assert "answers 500" in waiting([show()], health=f"{url}/bad").wait()
    gone = waiting([show()], listen=listen).wait()
    assert gone.startswith("nothing listens on udp:127.0.0.1")


@pytest.mark.parametrize("version", [1, 2])
def test_what_another_program_listens_on_is_not_taken_for_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(listening, "_GROUPS", (str(tmp_path), str(tmp_path / "systemd")))
    processes = tmp_path / ("systemd" if version == 1 else "") / "x.service/cgroup.procs"
    processes.parent.mkdir(parents=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen(["sleep", "60"]) as other,
    ):
        listen = [f"tcp:127.0.0.1:{listener.getsockname()[1]}"]
        processes.write_text(f"{other.pid}\n")
        why = waiting([show(group="/x.service")], listen=listen).wait()
        assert why.startswith(f"it is not what listens on {listen[0]}")
        processes.write_text(f"{other.pid}\n{os.getpid()}\n999999999\n")
        assert waiting([show(group="/x.service")], listen=listen).wait() == ""
        # Where that is not to be seen, that something listens has to do.
        assert waiting([show(group="/unseen.service")], listen=listen).wait() == ""
        processes.write_text("")
        assert waiting([show(group="/x.service")], listen=listen).wait() == ""
        processes.write_text(f"{other.pid}\n")

        def forbidden(path: str) -> list[str]:
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr(listening.os, "listdir", forbidden)
        assert waiting([show(group="/x.service")], listen=listen).wait() == ""
        other.kill()


@pytest.mark.parametrize("there", [False, True], ids=["nobody", "another"])
def test_new_sockets_end_the_wait_for_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Nobody listens at first, or still what is being restarted."""
    monkeypatch.setattr(readiness, "_LONGEST", 10)
    monkeypatch.setattr(listening, "_GROUPS", (str(tmp_path),))
    (tmp_path / "x.service").mkdir()
    (tmp_path / "x.service/cgroup.procs").write_text(f"{os.getpid()}\n")
    begun = threading.Event()
    shown = [show("deactivating"), show(group="/x.service"), show("the look after that")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as new:
        old = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        old.bind(("127.0.0.1", 0))
        port = old.getsockname()[1]
        if not there:
            old.close()

        def changes() -> None:
            begun.wait()
            old.close()
            new.bind(("127.0.0.1", port))

        one = waiting(shown, listen=[f"udp:127.0.0.1:{port}"], timeout=20)
        sockets = one._sockets

        def seen() -> set[int]:
            """What was there at first is known by now."""
            found: set[int] = sockets()
            begun.set()
            return found

        monkeypatch.setattr(one, "_sockets", seen)
        threading.Thread(target=changes, daemon=True).start()
        assert one.wait() == ""
    assert len(shown) == 1, "once before and once after"
    assert one.waited < 10


def test_one_that_ends_as_it_is_looked_at_is_not_ready() -> None:
    """As Telegraf does where another has its port: it reports that it is ready before."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listen = [f"tcp:127.0.0.1:{listener.getsockname()[1]}"]
        shown = [show("activating"), show(group="/gone.service"), show("failed")]
        assert "it is failed" in waiting(shown, listen=listen).wait()


def test_active_while_a_restart_is_under_way_is_not_ready() -> None:
    shown = [show(pid=1, job="55"), show("activating", pid=0, job="55"), show(pid=2)]
    one = waiting(shown)
    assert one.wait() == ""
    assert len(shown) == 1
    assert "still starting" in waiting([show(job="55")]).wait()


def test_a_service_is_watched_for_as_long_as_it_must_stay_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr(readiness.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        readiness.time, "sleep", lambda seconds: clock.append(clock.pop() + seconds)
    )
    watched = waiting([show("activating"), show("activating"), show()], stable=0.5)
    assert watched.wait() == ""
    # It was looked at after 0.02 s and 0.022 s more.
    assert watched.waited == pytest.approx(0.02 + 0.022 + 0.5)


def test_a_service_that_does_not_stay_up_is_not_ready() -> None:
    again = [show(restarts=n, pid=n + 1) for n in range(50)]
    why = waiting(again, stable=1).wait()
    assert "started it 5 times again" in why
    shown = [show(), show(), show("failed")]
    assert "it is failed (x), exit-code" in waiting(shown, stable=1).wait()


class Clock:
    """In the place of time, with somebody who begins to listen at a moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, listens: float) -> None:
        self.now, self.listens, self.glances = 100.0, listens, 0
        monkeypatch.setattr(readiness.time, "monotonic", lambda: self.tick(0))
        monkeypatch.setattr(readiness.time, "sleep", self.tick)
        monkeypatch.setattr(listening, "serving", self.serving)

    def tick(self, seconds: float) -> float:
        self.now += seconds + 1e-6
        return self.now

    def serving(self, _: str) -> set[int]:
        self.glances += 1
        return {7} if self.now >= 100 + self.listens else set()


def test_who_takes_long_is_looked_at_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty hosts may share a processor, and each look is taken from what they start."""
    clock, looks = Clock(monkeypatch, 10), []

    def shown() -> str:
        looks.append(clock.now)
        return show() if clock.now >= 110 else show("activating", job="55")

    one = readiness.Waiting(shown, ["udp:127.0.0.1:8125"], None, timeout=60, stable=0)
    assert one.wait() == ""
    assert clock.now < 110 * 1.05
    assert len([each for each in looks if each < 110]) < 12
    assert clock.glances < 220


@pytest.mark.parametrize("state", ["failed", "activating"])
def test_what_does_not_come_up_is_seen_as_soon_as_ever(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """It starts for a while, and then has failed, or is tried again and again."""
    clock = Clock(monkeypatch, 1000)

    def shown() -> str:
        after = clock.now - 106
        if after < 0:
            return show("activating", job="55")
        return show(state, pid=0, restarts=0 if state == "failed" else int(after))

    one = readiness.Waiting(shown, ["udp:127.0.0.1:8125"], None, timeout=60, stable=0)
    why = one.wait()
    assert why == "it is failed (x), exit-code" or "started it 5 times again" in why
    most = 2.1 if state == "failed" else 5.3
    assert clock.now < 106 + most


def test_a_wait_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, 1000)
    one = readiness.Waiting(
        lambda: show("activating", job="55"), ["udp:127.0.0.1:8125"], None, timeout=5, stable=0
    )
    assert "it is still starting" in one.wait()
    assert clock.now < 105.1


def test_who_begins_to_listen_as_systemd_answers_is_seen_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, 1.8)

    def shown() -> str:
        told = show() if clock.now > 101.8 else show("activating", job="55")
        clock.tick(0.2)  # as where fifty hosts share a processor
        return told

    one = readiness.Waiting(shown, ["udp:127.0.0.1:8125"], None, timeout=60, stable=0)
    assert one.wait() == ""
    assert clock.now < 102.9
