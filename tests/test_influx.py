from __future__ import annotations

import json
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

from provision.errors import ProvisionError
from provision.influx import STATEMENTS, Answer, InfluxDB, Series
from provision.tls.certificates import PEM, make_ca, make_certificate, new_key, pem
from tests.answering import Reply, Request, answering, silent_url

TOKEN = "a-token-that-nobody-may-see"


def ask(reply: Reply, *statements: str) -> list[Answer]:
    with answering(lambda _: reply) as url:
        database = InfluxDB(url, "telegraf", token=TOKEN)
        try:
            return database.ask(statements or ["SELECT 1"])
        finally:
            database.close()


def refused(reply: Reply) -> ProvisionError:
    with pytest.raises(ProvisionError) as caught:
        ask(reply)
    assert caught.value.message.startswith("InfluxDB at http://127.0.0.1:")
    assert TOKEN not in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def results(*each: dict[str, Any]) -> Reply:
    return Reply(json.dumps({"results": each}))


def test_answers_are_series_with_tags_and_rows_by_column() -> None:
    entry = {
        "name": "m",
        "tags": {"host": "w1"},
        "columns": ["time", "last"],
        "values": [[1, 2.5], [2, None]],
    }
    assert ask(results({"statement_id": 0, "series": [entry]})) == [
        Answer(
            (Series("m", {"host": "w1"}, ({"time": 1, "last": 2.5}, {"time": 2, "last": None})),)
        )
    ]


def test_a_series_may_have_no_name_tags_or_values() -> None:
    (found,) = ask(results({"statement_id": 0, "series": [{"columns": ["name"]}]}))
    assert found == Answer((Series("", {}, ()),))


def test_answers_come_in_the_order_of_the_statements() -> None:
    reply = results(
        {"statement_id": 2, "error": "third"},
        {"statement_id": 0, "error": "first"},
    )
    assert ask(reply, "a", "b", "c") == [
        Answer((), "first"),
        Answer((), "no answer"),
        Answer((), "third"),
    ]


def test_a_statement_that_is_wrong_does_not_spoil_the_others() -> None:
    good = {"statement_id": 1, "series": [{"name": "m", "columns": ["x"], "values": [[1]]}]}
    wrong, right = ask(results({"statement_id": 0, "error": "no such field"}, good), "a", "b")
    assert (wrong.error, wrong.series) == ("no such field", ())
    assert right.error is None
    assert right.series[0].rows == ({"x": 1},)


def test_results_without_numbers_are_in_the_order_of_the_statements() -> None:
    assert ask(results({"error": "x"}, {}), "a", "b") == [Answer((), "x"), Answer(())]


@pytest.mark.parametrize("number", [0, 1, STATEMENTS, STATEMENTS + 1, 2 * STATEMENTS + 3])
def test_many_statements_go_in_few_requests_and_keep_their_order(number: int) -> None:
    requests: list[list[str]] = []

    def echo(request: Request) -> Reply:
        requests.append(parse_qs(request.body.decode())["q"][0].split(";\n"))
        return results(
            *(
                {"statement_id": i, "series": [{"columns": ["n"], "values": [[text]]}]}
                for i, text in enumerate(requests[-1])
            )
        )

    statements = [str(index) for index in range(number)]
    with answering(echo) as url:
        answers = InfluxDB(url, "telegraf", token=TOKEN).ask(statements)
    assert [each.series[0].rows[0]["n"] for each in answers] == statements
    # Two are under way at a time, in whatever order they come.
    assert sorted(len(request) for request in requests) == sorted(
        min(STATEMENTS, number - first) for first in range(0, number, STATEMENTS)
    )


@pytest.mark.parametrize(
    ("secret", "authorization"),
    [
        ({"token": TOKEN}, f"Token {TOKEN}"),
        ({"username": "grafana", "password": "pä:ss"}, "Basic Z3JhZmFuYTpww6Q6c3M="),
    ],
)
def test_a_request_is_a_form_with_the_sites_database_and_login(
    secret: dict[str, str], authorization: str
) -> None:
    seen: list[Request] = []

    def keep(request: Request) -> Reply:
        seen.append(request)
        return results({"statement_id": 0}, {"statement_id": 1})

    statements = ["SELECT 'a;b&c=d+é' FROM \"m\"", "SHOW DATABASES"]
    with answering(keep) as url:
        assert len(InfluxDB(url, "te le&graf", **secret).ask(statements)) == 2  # type: ignore[arg-type]
    (request,) = seen
    assert (request.method, request.path) == ("POST", "/query")
    assert request.headers["Authorization"] == authorization
    form = parse_qs(request.body.decode(), strict_parsing=True)
    assert form == {"db": ["te le&graf"], "epoch": ["ms"], "q": [";\n".join(statements)]}


def test_nothing_is_asked_where_there_is_nothing_to_ask() -> None:
    assert InfluxDB(silent_url(), "telegraf", token=TOKEN).ask([]) == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_is_told_with_what_to_look_at(status: int) -> None:
    error = refused(Reply('{"error": "authorization failed"}', status))
    assert error.message.endswith(f"refuses to answer: {status} authorization failed")
    assert error.remedy is not None
    assert "secrets file" in error.remedy


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": "error parsing query"}', "error parsing query"),
        ('{"code": "not found", "message": "bucket not found"}', "bucket not found"),
        ("a\nproxy's  page", "a proxy's page"),
        ("[]", "[]"),
        ("x" * 300, "x" * 200),
        (b"\xff", "\ufffd"),
    ],
)
def test_what_influxdb_says_of_a_refusal_is_told(body: str | bytes, said: str) -> None:
    error = refused(Reply(body, 400))
    assert error.message.endswith(f"refuses to answer: 400 {said}")
    # It is not the login that is wrong.
    assert error.remedy is None


def test_a_refusal_without_words_has_its_status() -> None:
    assert "503 Service Unavailable" in refused(Reply("", 503)).message


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "{", b"\xff\xfe", "[]", "null", "7", '"x"', "{}", '{"results": null}'],
)
def test_what_is_no_answer_is_an_error_and_no_traceback(body: str | bytes) -> None:
    refused(Reply(body))


def test_an_error_of_the_whole_request_is_told() -> None:
    assert refused(Reply('{"error": "database is closed"}')).message.endswith("database is closed")


def test_an_answer_that_breaks_off_is_an_error_and_no_traceback() -> None:
    assert "cannot be asked" in refused(Reply('{"results": [', short=True)).message


@pytest.mark.parametrize("url", [None, "http://nobody.invalid:8086"])
def test_a_database_that_cannot_be_reached_is_named(url: str | None) -> None:
    url = url or silent_url()
    with pytest.raises(ProvisionError, match="cannot be asked") as caught:
        InfluxDB(url, "telegraf", token=TOKEN, timeout=5).ask(["SELECT 1"])
    assert url in caught.value.message
    assert TOKEN not in caught.value.message


def test_one_whose_certificate_nobody_trusts_is_not_asked(tmp_path: Path) -> None:
    key, now = new_key(), datetime.now(UTC)
    text = key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    authority = make_ca(key, now)
    certificate = make_certificate(key, ["127.0.0.1"], authority, key, now)
    (tmp_path / "server.pem").write_text(text + pem([certificate]))
    (tmp_path / "ca.pem").write_text(pem([authority]))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    with answering(lambda _: Reply("{}", status=400), tls) as url:
        stranger = InfluxDB(url, "telegraf", token=TOKEN)
        for asked in (
            lambda: stranger.ask(["SELECT 1"]),
            lambda: stranger.refusal_to_write(2, "o"),
        ):
            with pytest.raises(ProvisionError, match=r"cannot be asked: SSLError .*VERIFY_FAILED"):
                asked()
        known = InfluxDB(url, "telegraf", token=TOKEN, ca_file=tmp_path / "ca.pem")
        assert known.refusal_to_write(2, "o") is None


def test_one_that_never_answers_is_not_waited_for() -> None:
    over = Event()

    def wait(_: Request) -> Reply:
        over.wait(20)
        return Reply("{}")

    with answering(wait) as url:
        started = time.monotonic()
        try:
            with pytest.raises(ProvisionError, match="cannot be asked"):
                InfluxDB(url, "telegraf", token=TOKEN, timeout=0.2).ask(["SELECT 1"])
        finally:
            over.set()
        assert time.monotonic() - started < 10
