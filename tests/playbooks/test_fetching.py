"""What is said of pages that are scraped, with servers that answer as they should not."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible.module_utils.provision import fetching
from cryptography.hazmat.primitives import serialization

from provision.tls.certificates import PEM, make_ca, make_certificate, new_key, pem
from tests.answering import Reply, Request, answering, silent_url

NOW = datetime.now(UTC)
LATE = "cannot be fetched: no whole answer within 0.3 s"


@contextmanager
def saying(said: bytes, *, ends: bool = True) -> Iterator[str]:
    """The URL of a server that says this to whoever comes, and then ends, or nothing more."""
    over = threading.Event()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(said)
            if not ends:
                over.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        over.set()
        thread.join(10)


def test_a_page_that_comes_is_asked_for_once_with_get() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply("x 1\n" * 100_000)

    with answering(answer) as url:
        assert fetching.wrong(f"{url}/metrics?of=all", 5) == ""
    assert [(each.method, each.path, each.body) for each in asked] == [
        ("GET", "/metrics?of=all", b"")
    ]


def test_a_url_of_other_letters_is_asked_as_go_asks() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        return Reply("x 1\n")

    with answering(answer) as url:
        assert fetching.wrong(f"{url}/ü?a=ö%20b&c=[1]", 5) == ""
    assert asked == ["/%C3%BC?a=%C3%B6%20b&c=[1]"]


@pytest.mark.parametrize("status", [204, 401, 404, 500, 503])
def test_a_status_that_telegraf_does_not_take_is_told(status: int) -> None:
    with answering(lambda _: Reply("", status)) as url:
        assert fetching.wrong(url + "/metrics", 5) == f"answers with HTTP {status}"


def test_a_redirect_is_followed_as_telegraf_does() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/metrics":
            return Reply("x 1\n")
        return Reply("", 302, headers={"Location": "/metrics"})

    with answering(answer) as url:
        assert fetching.wrong(url + "/", 5) == ""


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telegraf asks none either, and has another environment."""
    monkeypatch.setenv("http_proxy", silent_url())
    with answering(lambda _: Reply("x 1\n")) as url:
        assert fetching.wrong(url, 5) == ""


def test_where_nobody_listens_the_kernel_s_words_are_told() -> None:
    assert fetching.wrong(silent_url(), 5) == "cannot be fetched: connection refused"


def test_a_name_that_is_unknown_is_told_as_that() -> None:
    said = fetching.wrong("http://nobody.invalid:9105/metrics", 5)
    # By the resolver that the machine has.
    assert said.startswith("cannot be fetched: ") and "name" in said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"SSH-2.0-x\r\n", "what answers does not speak proper HTTP"),
        (b"", "remote end closed connection without response"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx 1\n",
            "the answer ends before its end",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nx 1\n",
            "the answer ends before its end",
        ),
    ],
)
def test_an_answer_that_is_none_is_told(said: bytes, told: str) -> None:
    with saying(said) as url:
        assert fetching.wrong(url, 5) == f"cannot be fetched: {told}"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx 1\n"])
def test_who_does_not_go_on_is_not_waited_for(said: bytes) -> None:
    with saying(said, ends=False) as url:
        start = time.monotonic()
        assert fetching.wrong(url, 0.3) == LATE
        assert time.monotonic() - start < 3


def test_what_tls_says_while_the_answer_is_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert")

    monkeypatch.setattr(fetching, "opened", refused)
    said = fetching.wrong("https://127.0.0.1:1/metrics", 5)
    assert said.startswith("cannot be fetched: what answers speaks no TLS that will do: ")


def test_who_has_a_certificate_of_nobody_s_is_told(tmp_path: Path) -> None:
    key = new_key()
    ca = make_ca(key, NOW)
    text = key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    certificate = make_certificate(key, ["127.0.0.1"], ca, key, NOW)
    (tmp_path / "both.pem").write_text(text + pem([certificate]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    with answering(lambda _: Reply("x 1\n"), context) as url:
        said = fetching.wrong(url, 5)
        assert said.startswith("cannot be fetched: its certificate is not to be trusted: ")
    with answering(lambda _: Reply("x 1\n")) as url:
        said = fetching.wrong(url.replace("http:", "https:"), 5)
        assert said == "cannot be fetched: what answers does not speak TLS"


def test_all_are_fetched_at_once_and_none_is_waited_for_longer() -> None:
    def slow(request: Request) -> Reply:
        time.sleep(0.5 if request.path != "/late" else 10)
        return Reply("x 1\n")

    with answering(slow) as url, saying(b"", ends=False) as silent:
        start = time.monotonic()
        pages = [f"{url}/{number}" for number in range(20)]
        fetches = fetching.Fetches([*pages, pages[0], silent, f"{url}/late"], 2)
        assert time.monotonic() - start < 0.5, "something else can be done meanwhile"
        late = "cannot be fetched: no whole answer within 2 s"
        expected = {**dict.fromkeys(pages, ""), silent: late, f"{url}/late": late}
        assert fetches.told() == expected
        assert time.monotonic() - start < 4


def test_a_page_that_comes_in_drops_is_late() -> None:
    """Each part of it is in time."""

    def drops() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(20):
                time.sleep(0.1)
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drops, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        assert fetching.Fetches([url], 0.3).told() == {url: LATE}
        thread.join(10)
