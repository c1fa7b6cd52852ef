from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from provision.errors import ProvisionError
from provision.grafana import Grafana
from tests.answering import Reply, Request, answering, silent_url

PASSWORD = "a-password:nobody-may-see"
Outcome = tuple[int, int, str | None]


def query(reply: Reply, *queries: str) -> list[Outcome]:
    with answering(lambda _: reply) as url:
        return Grafana(url, "admin", PASSWORD).query("uid", queries or ["Q"], start=1, end=2)


def refused(ask: Callable[[Grafana], object], reply: Reply) -> ProvisionError:
    with answering(lambda _: reply) as url, pytest.raises(ProvisionError) as caught:
        ask(Grafana(url, "admin", PASSWORD))
    assert caught.value.message.startswith(f"Grafana at {url}")
    assert PASSWORD not in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def load(grafana: Grafana) -> object:
    return grafana.dashboard("x")


def one_query(grafana: Grafana) -> object:
    return grafana.query("uid", ["Q"], start=1, end=2)


def frame(*columns: list[Any]) -> dict[str, Any]:
    return {"schema": {}, "data": {"values": list(columns)}}


def results(**each: Any) -> str:
    return json.dumps({"results": each})


def test_a_dashboard_is_asked_for_by_its_uid_with_a_login() -> None:
    seen: list[Request] = []

    def keep(request: Request) -> Reply:
        seen.append(request)
        return Reply('{"dashboard": {"panels": [1]}, "meta": {}}')

    with answering(keep) as url:
        dashboard = Grafana(f"{url}/", "admin", PASSWORD).dashboard("a b/../c?d")
    assert dashboard == {"panels": [1]}
    (request,) = seen
    assert (request.method, request.path) == ("GET", "/api/dashboards/uid/a%20b%2F..%2Fc%3Fd")
    assert request.login == ("admin", PASSWORD)


def test_queries_go_through_the_datasource_in_one_request() -> None:
    seen: list[Any] = []

    def keep(request: Request) -> Reply:
        assert (request.method, request.path) == ("POST", "/api/ds/query")
        assert request.headers["Content-Type"].startswith("application/json")
        seen.append(json.loads(request.body))
        return Reply(results())

    with answering(keep) as url:
        Grafana(url, "admin", PASSWORD).query("uid", ['SELECT "a"', "é"], start=10, end=20)
    (body,) = seen
    assert (body["from"], body["to"]) == ("10", "20")
    assert [q["query"] for q in body["queries"]] == ['SELECT "a"', "é"]
    assert len({q["refId"] for q in body["queries"]}) == 2
    for each in body["queries"]:
        assert each["datasource"] == {"type": "influxdb", "uid": "uid"}
        assert each["rawQuery"] is True
        assert each["resultFormat"] == "time_series"


def test_each_query_has_its_series_points_and_error() -> None:
    reply = Reply(
        results(
            Q1={"frames": [frame([1, 2], [3, 4]), frame([1], [2])]},
            Q0={"error": "type conflict", "status": 400},
            Q3={"frames": [frame(), frame([])]},
            Q4={"frames": None},
        )
    )
    assert query(reply, "a", "b", "c", "d", "e") == [
        (0, 0, "type conflict"),
        (2, 3, None),
        (0, 0, None),
        (2, 0, None),
        (0, 0, None),
    ]


@pytest.mark.parametrize("status", [207, 400])
def test_an_answer_with_errors_in_it_is_an_answer(status: int) -> None:
    assert query(Reply(results(Q0={"error": "bad query"}), status)) == [(0, 0, "bad query")]


def test_a_wrong_password_is_told_with_what_to_look_at() -> None:
    for ask in (load, one_query):
        error = refused(ask, Reply('{"message": "Invalid username or password"}', 401))
        assert "401" in error.message
        assert "Invalid username or password" in error.message
        assert error.remedy is not None
        assert "secrets file" in error.remedy


def test_a_dashboard_that_is_not_there_is_told() -> None:
    error = refused(load, Reply('{"message": "Dashboard not found"}', 404))
    assert "/api/dashboards/uid/x: 404" in error.message
    assert "Dashboard not found" in error.message
    assert error.remedy is None


@pytest.mark.parametrize("ask", [load, one_query])
@pytest.mark.parametrize(
    "reply",
    [
        Reply("", 500),
        Reply("a proxy's page", 502),
        Reply("<html>", 200),
        Reply("<html>", 400),
        Reply('{"message": "bad request"}', 400),
        Reply("", 200),
        Reply("{", 200),
        Reply(b"\xff\xfe", 200),
        Reply("[]", 200),
        Reply("null", 200),
        Reply("{}", 200),
        Reply('{"dashboard": 1, "results": []}', 200),
        Reply("{", 200, short=True),
        Reply("{", 401, short=True),
    ],
)
def test_what_is_no_answer_is_an_error_and_no_traceback(
    ask: Callable[[Grafana], object], reply: Reply
) -> None:
    refused(ask, reply)


def test_what_grafana_says_is_told_in_one_line_and_not_at_length() -> None:
    message = refused(load, Reply("a\n  b\n" + "x" * 1000, 500)).message
    assert "500 a b xxx" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("url", "why"),
    [(None, "connection refused"), ("http://nobody.invalid:3000", r"[a-z][\w -]+")],
)
def test_a_grafana_that_cannot_be_reached_is_named(url: str | None, why: str) -> None:
    url = url or silent_url()
    with pytest.raises(ProvisionError) as caught:
        Grafana(url, "admin", PASSWORD, timeout=5, named_by="--url").dashboard("x")
    said = f"Grafana at {re.escape(url)} cannot be asked: {why}"
    assert re.fullmatch(said, caught.value.message), caught.value.message
    assert caught.value.remedy == (
        "see that it runs, that its address is right (--url), and that this machine gets there"
        f" (curl {url}/api/health)"
    )
    assert PASSWORD not in f"{caught.value.message} {caught.value.remedy}"


def test_one_that_hangs_up_is_told_in_few_words() -> None:
    def hang_up(_: Request) -> Reply:
        raise ConnectionError

    with answering(hang_up) as url, pytest.raises(ProvisionError) as caught:
        Grafana(url, "admin", PASSWORD).dashboard("x")
    why = "Remote end closed connection without response"
    assert caught.value.message == f"Grafana at {url} cannot be asked: {why}"


def test_a_proxy_that_cannot_be_reached_is_not_taken_for_grafana(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", silent_url())
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ProvisionError, match="the proxy: connection refused") as caught:
        Grafana("http://nobody.invalid:3000", "admin", PASSWORD).dashboard("x")
    assert "HTTP_PROXY" in str(caught.value.remedy)


def test_one_that_never_answers_is_not_waited_for() -> None:
    over = Event()

    def wait(_: Request) -> Reply:
        over.wait(20)
        return Reply("{}")

    with answering(wait) as url:
        started = time.monotonic()
        try:
            with pytest.raises(ProvisionError, match="cannot be asked"):
                Grafana(url, "admin", PASSWORD, timeout=0.2).dashboard("x")
        finally:
            over.set()
        assert time.monotonic() - started < 10
