from __future__ import annotations

import http.server
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.provision import apt, influxdb1, readiness, retention, tokens, versions
from ansible.module_utils.provision.http import ServiceError, call


@pytest.mark.parametrize(
    ("version", "wanted", "fit"),
    [
        ("1.39.3-1", "1.39.3", True),
        ("1.39.3-1", "1.39", True),
        ("1.39.3-1", "1.3", False),
        ("1:2.7.1-1", "2.7.1", True),
        ("1.39.3~rc1-1", "1.39.3", False),
        ("1.39.3~rc1-1", "1.39.3~rc1", True),
        ("1.39.30-1", "1.39.3", False),
        ("1.39.3+b1", "1.39.3", True),
        ("1.39.3a-1", "1.39.3", False),
        ("1:2.7.1-1", "1", False),
        ("1:2.7.1-1", "1:2.7.1", True),
        ("2.0", "2.0", True),
        ("2.0", "3", False),
    ],
)
def test_versions(version: str, wanted: str, fit: bool) -> None:
    assert versions.fits(version, wanted) is fit


POLICY = """\
influxdb:
  Installed: (none)
  Candidate: 1.12.0-1
  Version table:
     1.12.0-1 600
        600 https://repos.influxdata.com/debian stable/main amd64 Packages
     1.11.8-1 600
        600 https://repos.influxdata.com/debian stable/main amd64 Packages
 *** 1.6.7~rc0-1+b13 -1
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
"""
URL = "https://repos.influxdata.com/debian/"


@pytest.mark.parametrize(
    ("version", "url", "chosen"),
    [
        (None, URL, "1.12.0-1"),
        ("1.11", URL, "1.11.8-1"),
        ("1.6.7", URL, None),
        ("1.6.7", None, None),
        (None, "http://deb.debian.org/debian", None),
    ],
)
def test_the_candidate_must_come_from_its_repository(
    version: str | None, url: str | None, chosen: str | None
) -> None:
    assert apt.choose({"name": "influxdb", "version": version}, url, POLICY) == chosen


def test_nothing_can_end_a_quoted_name_or_string() -> None:
    assert influxdb1.identifier('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'
    assert influxdb1.string("a'b\\c\nd") == "'a\\'b\\\\c\\nd'"


def test_durations_as_influxdb_prints_them() -> None:
    assert influxdb1._seconds("720h0m0s") == 2592000
    assert influxdb1._seconds("1h30m5s") == 5405
    assert influxdb1._seconds("0s") == 0


def test_rights_are_the_same_whatever_names_the_server_adds() -> None:
    wanted = tokens.permissions("read", "o", "b")
    told = [
        {"action": "read",
         "resource": {"type": "buckets", "id": "b", "orgID": "o", "name": "x", "org": "y"}}
    ]  # fmt: skip
    assert tokens.same_rights(wanted, told)
    assert not tokens.same_rights(wanted, told + tokens.permissions("write", "o", "b"))
    everywhere = [{"action": "read", "resource": {"type": "buckets", "orgID": "o"}}]
    assert not tokens.same_rights(wanted, everywhere)


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204 if self.path == "/ping" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-x\r\n",
        b"",
        *(b"HTTP/1.1 %d X\r\nContent-Length: 9\r\n\r\n-" % n for n in (200, 500)),
    ],
)
def test_a_stranger_on_a_port_is_told_as_one(said: bytes) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/ping"
        with pytest.raises(ServiceError, match=f"answers at {url}(: | does not speak proper HTTP)"):
            call(url, timeout=5)


def test_nothing_of_tls_is_read_for_a_question_over_http(
    server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ssl, "create_default_context")
    monkeypatch.delattr(ssl, "SSLContext")
    assert call(f"http://127.0.0.1:{server.server_port}/ping")[0] == 204


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
    monkeypatch.setattr(readiness, "_GROUPS", (str(tmp_path), str(tmp_path / "systemd")))
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

        monkeypatch.setattr(readiness.os, "listdir", forbidden)
        assert waiting([show(group="/x.service")], listen=listen).wait() == ""
        other.kill()


@pytest.mark.parametrize("there", [False, True], ids=["nobody", "another"])
def test_new_sockets_end_the_wait_for_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Nobody listens at first, or still what is being restarted."""
    monkeypatch.setattr(readiness, "_LONGEST", 10)
    monkeypatch.setattr(readiness, "_GROUPS", (str(tmp_path),))
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


def test_the_kernels_addresses() -> None:
    text = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1F96 00000000:0000 0A 0:0 0:0 0 0 0 71\n"
        "   1: 00000000000000000000000001000000:1F97 0:0 0A 0:0 0:0 0 0 0 72\n"
        "   2: 0000000000000000FFFF00000100007F:1F98 0:0 0A 0:0 0:0 0 0 0 73\n"
        "   3: 0100007F:1F99 00000000:0000 01 0:0 0:0 0 0 0 74\n"
    )
    assert readiness.sockets(text, "tcp") == [
        ("127.0.0.1", 8086, 71), ("::1", 8087, 72), ("127.0.0.1", 8088, 73),
    ]  # fmt: skip


def test_our_own_questions_are_not_in_what_a_journal_tells() -> None:
    journal = 'started\n"GET /ping" provision-playbooks\n\nE! broken\n'
    assert readiness.telling(journal) == ["started", "E! broken"]


@pytest.mark.parametrize(
    ("current", "wanted", "why", "warning"),
    [
        (2592000, 604800, "it keeps points for 30 d, not for 7 d",
         "points that are older than 7 d are deleted for good (23 d less than now)"),
        (604800, 3600, "it keeps points for 7 d, not for 1 h",
         "points that are older than 1 h are deleted for good (6 d 23 h less than now)"),
        (0, 86400, "it keeps points for ever, not for 1 d",
         "points that are older than 1 d are deleted for good (they were for ever)"),
        (86400, 0, "it keeps points for 1 d, not for ever", None),
        (86400, 129600, "it keeps points for 1 d, not for 1 d 12 h", None),
    ],
)  # fmt: skip
def test_what_a_change_of_retention_deletes(
    current: int, wanted: int, why: str, warning: str | None
) -> None:
    told = retention.change(current, wanted)
    assert (told["why"], told.get("warning")) == (why, warning)


@pytest.mark.parametrize(
    ("seconds", "shard"),
    [(0, "168h"), (3600, "1h"), (86400, "1h"), (2 * 86400, "24h"), (180 * 86400, "24h"),
     (181 * 86400, "168h")],
)  # fmt: skip
def test_a_shard_is_never_longer_than_the_retention(seconds: int, shard: str) -> None:
    assert influxdb1._shard(seconds) == shard
    assert not seconds or influxdb1._seconds(shard) <= seconds


def test_a_host_that_cannot_hold_a_service_in_is_told_the_setting() -> None:
    assert "systemd_hardening: false" in readiness.remedy("telegraf", "226")
    assert readiness.remedy("telegraf", "1") == "see `journalctl -u telegraf` on the host"


def test_who_listens_in_place_of_a_service_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listing = (
            f'udp UNCONN 0 0 127.0.0.1:{port} 0.0.0.0:* users:(("python",pid={os.getpid()},fd=3))'
        )
        mine = [f"udp:127.0.0.1:{port}"]
        (said,) = readiness.strangers(listing, mine, "telegraf.service")
        assert f"(pid {os.getpid()}" in said and said.endswith(f"listens on udp port {port}")
        for other in (f"tcp:127.0.0.1:{port}", f"udp:127.0.0.2:{port}", "udp:127.0.0.1:1"):
            assert readiness.strangers(listing, [other], "telegraf.service") == []


def test_drop_ins_of_others_are_told_from_ours() -> None:
    folder = "/etc/systemd/system/telegraf.service.d"
    ours = f"{folder}/30-provision-alive.conf {folder}/10-provision.conf"
    paths = f"/usr/lib/systemd/system/service.d/10.conf {ours}"
    assert readiness.drop_ins(paths) == []
    assert readiness.drop_ins(f"{paths} {folder}/theirs.conf\n") == [f"{folder}/theirs.conf"]
