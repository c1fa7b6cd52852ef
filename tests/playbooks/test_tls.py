"""TLS on a host: who answers is known by name, whatever address is asked, or not asked at all."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.provision import logins as trying
from ansible.module_utils.provision import state, swap
from ansible.module_utils.provision.http import ServiceError, Untrusted, call, know
from comparing import logins, manifest, wanted
from cryptography.hazmat.primitives import serialization

from provision.tls.certificates import PEM, make_ca, make_certificate, new_key, pem
from tests.answering import Reply, Request, answering

NOW = datetime.now(UTC)
CA_KEY = new_key()
CA = make_ca(CA_KEY, NOW)
OTHER = pem([make_ca(new_key(), NOW)])


@contextmanager
def server(tmp_path: Path, *names: str, days: int = 0) -> Iterator[tuple[str, list[Request]]]:
    """A server with a certificate for names, made some days ago, and what it was asked."""
    key = new_key()
    certificate = make_certificate(key, names, CA, CA_KEY, NOW - timedelta(days=days))
    text = key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    (tmp_path / "both.pem").write_text(text + pem([certificate]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply('{"allowed": true}')

    with answering(answer, context) as url:
        yield url.replace("localhost", "127.0.0.1"), asked


def test_a_service_is_known_by_a_name_that_its_url_does_not_have(tmp_path: Path) -> None:
    with server(tmp_path, "db.example.com") as (url, asked):
        know(url, {"name": "db.example.com", "ca": pem([CA])})
        assert call(url + "/x") == (200, {"allowed": True})
        assert [request.path for request in asked] == ["/x"]
        for tls in (
            {"name": "other.example.com", "ca": pem([CA])},
            {"name": None, "ca": pem([CA])},
            {"name": "db.example.com", "ca": OTHER},
            {"name": "db.example.com", "ca": None},
            None,
        ):
            know(url, tls)
            with pytest.raises(Untrusted, match="is not to be trusted"):
                call(url + "/x", headers={"Authorization": "Token secret"})
        assert len(asked) == 1


def test_a_certificate_that_has_ended_is_not_taken(tmp_path: Path) -> None:
    with server(tmp_path, "127.0.0.1", days=500) as (url, asked):
        know(url, {"name": "127.0.0.1", "ca": pem([CA])})
        with pytest.raises(Untrusted, match="certificate has expired"):
            call(url)
        assert asked == []


def test_who_speaks_no_tls_is_told_so() -> None:
    with answering(lambda _: Reply("ok")) as url:
        secure = url.replace("http://", "https://")
        with pytest.raises(
            Untrusted, match=r"What answers at https://[\w.:]+ does not speak TLS\."
        ):
            call(secure)


def test_who_wants_tls_is_told_so() -> None:
    refusal = Reply("Client sent an HTTP request to an HTTPS server.\n", 400)
    with answering(lambda _: refusal) as url, pytest.raises(Untrusted, match="wants TLS"):
        call(url)
    with answering(lambda _: Reply("something else", 400)) as url:
        assert call(url) == (400, "something else")


def test_a_state_entry_says_how_its_service_is_known(tmp_path: Path) -> None:
    with server(tmp_path, "db.example.com") as (url, asked):
        entry = {"role": "influxdb", "engine": 2, "url": url, "tokens": [], "username": "admin"}
        known = {"name": "db.example.com", "ca": pem([CA])}
        found = state.inspect({**entry, "tls": known}, {"influxdb_operator_token": "t"})
        assert [each["name"] for each in found["differences"]] == ["setup"]
        found = state.inspect(
            {**entry, "tls": {**known, "name": "x"}}, {"influxdb_operator_token": "t"}
        )
        assert "not to be trusted" in found["problem"] and not found["remedy"]
        assert len(asked) == 1


def test_nobody_is_told_credentials_who_is_not_known(tmp_path: Path) -> None:
    login = {"authorization": "Token secret"}
    refusal = Reply("Client sent an HTTP request to an HTTPS server.\n", 400)
    asked: list[Request] = []

    def refusing(request: Request) -> Reply:
        asked.append(request)
        return refusal

    with answering(refusing) as url:
        assert "wants TLS" in str(trying.strange([{**login, "server": url, "url": url}]))
    assert [request.headers.get("Authorization") for request in asked] == [None]
    with server(tmp_path, "127.0.0.1") as (url, asked):
        entry = {**login, "server": url, "url": url + "/write"}
        assert "not to be trusted" in str(trying.strange([{**entry, "ca": OTHER}]))
        assert "not to be trusted" in str(trying.strange([entry]))
        assert trying.strange([{**entry, "ca": pem([CA])}]) is None
        assert [request.headers.get("Authorization") for request in asked] == [None]
        assert trying.refused([{**entry, "ca": pem([CA])}]) is None


def test_who_does_not_answer_is_not_strange() -> None:
    with answering(lambda _: Reply("ok")) as url:
        gone = url
    assert trying.strange([{"server": gone, "url": gone, "authorization": "t"}], timeout=1) is None
    with pytest.raises(ServiceError):
        call(gone, timeout=1)


CONFIGURATION = """\
[[outputs.influxdb_v2]]
  urls = ["%s"]
  token = "t"
  tls_ca = "/etc/telegraf/provision-ca.crt"
"""


def test_a_login_is_tried_with_the_authorities_that_are_placed_beside_it() -> None:
    text = CONFIGURATION % "https://m"
    (login,) = logins.logins(text, {}, {}, {"/etc/telegraf/provision-ca.crt": "PEM"})
    assert login["ca"] == "PEM"
    (login,) = logins.logins(text, {}, {}, {})
    assert "ca" not in login


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        ("http://m:8086", "https://m:8086", True),
        ("https://m:8086", "https://n:8086", False),
        ("https://m:8086", "http://m:8086", False),
        ("http://m:8086", "http://n:8086", False),
    ],
)
def test_a_telegraf_that_turns_to_tls_is_seen(before: str, after: str, turns: bool) -> None:
    assert logins.turns_to_tls(CONFIGURATION % before, CONFIGURATION % after) is turns
    assert not logins.turns_to_tls("", CONFIGURATION % after)
    assert not logins.turns_to_tls("[[", CONFIGURATION % after)


def test_a_file_that_is_brought_along_is_read_where_it_is(tmp_path: Path) -> None:
    entry = {"role": "grafana", "path": "/k", "owner": "root", "group": "root", "mode": "0640",
             "secret": True, "source": str(tmp_path / "key.pem")}  # fmt: skip
    of = manifest.parse({"files": [entry]}, host="h", tree=tmp_path, where="m")

    def files() -> list[wanted.Wanted]:
        return wanted.wanted_files(of, {}, lambda text, _: text, read=lambda path: b"decrypted")

    assert [each.content for each in files()] == [b"decrypted"]
    with pytest.raises(manifest.ManifestError, match=r"key\.pem, of which h gets a copy: No such"):
        wanted.wanted_files(of, {}, lambda text, _: text)


def test_what_is_checked_in_a_private_folder_finds_what_is_in_it() -> None:
    entry = swap.Entry("/etc/t.conf", "root", "root", 0o640, b'ca = "/etc/ca.crt"\nx = "/etc/x"')
    assert (
        entry.rooted("/run/1", ["/etc/ca.crt"]).content == b'ca = "/run/1/etc/ca.crt"\nx = "/etc/x"'
    )
