"""The state of InfluxDB, converged on real servers of both engines."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import entries, influxdb1, influxdb2, rights, state
from ansible.module_utils.provision.http import ServiceError, basic, call

from tests.integration.programs import influxdb_process
from tests.playbooks import trees


@pytest.fixture(params=[1, 2], ids=["engine-1", "engine-2"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, influxd_binary: Callable[[int], Path]
) -> Iterator[tuple[int, str]]:
    """(engine, URL) of a fresh server; engine 1 with auth-enabled."""
    engine: int = request.param
    with influxdb_process(engine, influxd_binary(engine), tmp_path / "influxdb") as (url, _):
        yield engine, url


class Site:
    """One state entry and the secrets, which grow as tokens and passwords are made."""

    def __init__(self, engine: int, url: str) -> None:
        self.engine, self.url = engine, url
        self.kind = "token" if engine == 2 else "password"
        self.entry: dict[str, Any] = trees.state(engine, url=url)
        self.secrets = dict(trees.SECRETS)
        self.stale: list[tuple[str, list[str]]] = []

    def check(self, *renew: str) -> list[tuple[str, str]]:
        result = state.converge(self.entry, self.secrets, check=True, patience=30, renew=renew)
        assert result["secrets"] == {}
        self.stale = [(each["name"], each["owners"]) for each in result["stale"]]
        return [(each["name"], each["action"]) for each in result["differences"]]

    def converge(self, *renew: str) -> list[tuple[str, str]]:
        result = state.converge(self.entry, self.secrets, check=False, patience=30, renew=renew)
        self.secrets.update(result["secrets"])
        self.stale = [(each["name"], each["owners"]) for each in result["stale"]]
        return [(each["name"], each["action"]) for each in result["differences"]]

    def revoke(self, **settled: float) -> dict[str, Any]:
        return state.revoke(self.entry, self.secrets, settled, patience=30)

    def secret(self, holder: str) -> str:
        """The name of the secret of a worker, or of "grafana"."""
        return f"influxdb_read_{self.kind}" if holder == "grafana" else (
            f"influxdb_write_{self.kind}_{holder}"
        )  # fmt: skip

    def difference(self, holder: str) -> str:
        """What a difference calls the token or user of a holder."""
        return f"{self.kind} {self.secret(holder)}"

    def login(self, holder: str, secret: str | None = None) -> dict[str, str]:
        """The header with which a holder (or one who has that secret) comes."""
        secret = secret or self.secrets[self.secret(holder)]
        if self.engine == 2:
            return {"Authorization": "Token " + secret}
        if holder == "grafana":
            return basic(rights.user_name(holder, secret), secret)
        return basic(rights.user_name(f"telegraf-{holder}", secret), secret + ":")

    def write(self, holder: str, secret: str | None = None, point: str = "m,host=a value=1") -> int:
        """The status of writing a point."""
        headers = self.login(holder, secret)
        request = urllib.request.Request(
            self.url + "/write?db=metrics", data=point.encode(), headers=headers
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

    def ask(self, holder: str, query: str) -> tuple[int, Any]:
        """Status and answer of InfluxQL."""
        return call(
            self.url + "/query", method="POST", headers=self.login(holder),
            form={"db": "metrics", "q": query},
        )  # fmt: skip

    def told(self, worker: str, then: float) -> None:
        """Let a worker write what every Telegraf tells of itself, at a time."""
        point = f"internal_agent,host={worker} metrics_gathered=1 {int(then * 1e9)}"
        assert self.write(worker, point=point) == 204


@pytest.fixture
def site(server: tuple[int, str]) -> Site:
    return Site(*server)


def test_the_first_run_makes_everything_and_the_second_nothing(site: Site) -> None:
    noted = site.check()
    assert noted
    assert site.check() == noted, "a check changes nothing"
    assert site.converge()
    assert site.converge() == []
    assert site.check() == []
    assert site.stale == []
    assert site.secrets.keys() >= {site.secret("w1"), site.secret("w2"), site.secret("grafana")}


def test_each_login_may_do_its_own_and_no_more(site: Site) -> None:
    site.converge()
    assert site.write("w1") == site.write("w2") == 204
    status, answer = site.ask("grafana", "SELECT * FROM m")
    assert status == 200
    assert answer["results"][0]["series"][0]["name"] == "m"
    assert site.write("grafana") in (403, 404)
    refused, answer = site.ask("w1", "SELECT * FROM m")
    assert refused == 403 or "series" not in answer["results"][0]


def test_retention_is_changed(site: Site) -> None:
    site.converge()
    # An hour is shorter than the shards of a longer retention, which engine 1 refuses by itself.
    for seconds, lost in ((7 * 86400, True), (0, False), (365 * 86400, True), (3600, True)):
        site.entry["retention_seconds"] = seconds
        noted = state.converge(site.entry, site.secrets, check=True, patience=30)["differences"]
        assert len(noted) == 1
        assert ("warning" in noted[0]) is lost
        assert site.converge()
        assert site.check() == []


def test_a_secret_that_is_not_right_or_missing_is_made_anew(site: Site) -> None:
    site.converge()
    kept = site.secrets[site.secret("w1")]
    site.secrets[site.secret("w1")] = "nonsense"
    site.secrets.pop(site.secret("grafana"))
    wanted = [(site.difference("w1"), "create"), (site.difference("grafana"), "create")]
    assert site.check() == wanted
    assert site.converge() == wanted
    assert site.check() == []
    assert site.write("w1") == 204
    assert site.write("w1", kept) == 204, "what was before is valid until it is revoked"
    assert [owners for _, owners in site.stale] == [["w1"], ["monitor"]]


def test_what_is_renewed_is_valid_beside_the_old_until_its_host_writes_with_it(site: Site) -> None:
    site.converge()
    old = {worker: site.secrets[site.secret(worker)] for worker in ("w1", "w2")}
    site.converge(site.secret("w1"), site.secret("w2"))
    new = {worker: site.secrets[site.secret(worker)] for worker in old}
    assert site.check() == []
    assert sorted(owners for _, owners in site.stale) == [["w1"], ["w2"]]

    def valid() -> list[bool]:
        return [site.write(w, s) == 204 for w in old for s in (old[w], new[w])]

    assert valid() == [True] * 4
    now = time.time()
    assert site.revoke() == {"differences": [], "unseen": [], "left": 2}
    site.told("w1", now - 10)
    site.entry["interval_seconds"] = -5  # so that it is not waited for long
    assert site.revoke(w1=now)["unseen"] == ["w1"]
    assert valid() == [True] * 4
    site.told("w1", now + 3)
    done = site.revoke(w1=now)
    assert [each["action"] for each in done["differences"]] == ["remove"]
    assert (done["unseen"], done["left"]) == ([], 1)
    assert valid() == [False, True, True, True]
    site.told("w2", now + 3)
    assert site.revoke(w2=now)["left"] == 0
    assert valid() == [False, True, False, True]
    assert site.check() == [] and site.stale == []


def test_what_all_workers_shared_goes_when_the_last_one_has_its_own(site: Site) -> None:
    site.converge()
    shared = share(site)
    assert site.check() == []
    assert [owners for _, owners in site.stale] == [["w1", "w2"]]
    now = time.time()
    for worker in ("w1", "w2"):
        site.told(worker, now + 3)
    assert site.revoke(w1=now)["left"] == 1
    assert shared() == 204
    assert site.revoke(w1=now, w2=now)["left"] == 0
    assert shared() == 401
    assert site.write("w1") == 204


def test_a_worker_that_left_is_revoked_at_once_and_no_other(site: Site) -> None:
    site.converge()
    gone = site.secrets[site.secret("w2")]
    site.entry = trees.state(site.engine, url=site.url, workers=["w1"])
    assert site.check() == []
    assert [owners for _, owners in site.stale] == [[]]
    assert site.revoke()["left"] == 0
    assert site.write("w2", gone) == 401
    assert site.write("w1") == 204
    assert site.ask("grafana", "SELECT * FROM m")[0] == 200


def test_what_others_made_stays(site: Site) -> None:
    site.converge()
    names = ["telegraf-theirs", "grafana2", "provision: theirs", "their telegraf"]
    for name in names:
        if site.engine == 1:
            statement = f"CREATE USER \"{name}\" WITH PASSWORD 'x'"
            admin = basic("admin", site.secrets["influxdb_admin_password"])
            call(site.url + "/query", method="POST", headers=admin, form={"q": statement})
        else:
            token(site, name)
    assert site.check() == [] and site.stale == []
    assert site.revoke()["differences"] == []


@pytest.mark.parametrize("workers", [5, 60])
def test_a_comparison_asks_as_often_for_many_workers_as_for_few(
    site: Site, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"w{number}" for number in range(workers)]
    site.entry = trees.state(site.engine, url=site.url, workers=names)
    site.converge()
    asked = []

    def counted(url: str, **options: Any) -> tuple[int, Any]:
        asked.append(url)
        return call_patiently(url, **options)

    module = {1: influxdb1, 2: influxdb2}[site.engine]
    call_patiently = module.call_patiently
    monkeypatch.setattr(module, "call_patiently", counted)
    assert site.check() == [] and site.stale == []
    assert len(asked) == 6


def test_rights_that_grew_are_taken_back(site: Site) -> None:
    site.converge()
    if site.engine == 2:
        # A token's rights never change, but its name can be that of another.
        operator = site.secrets["influxdb_operator_token"]
        site.secrets[site.secret("w1")] = operator
        assert site.check() == [(site.difference("w1"), "create")]
        return
    admin = basic("admin", site.secrets["influxdb_admin_password"])
    name = {each: rights.user_name(each, site.secrets[site.secret(holder)])
            for each, holder in (("grafana", "grafana"), ("telegraf-w1", "w1"))}  # fmt: skip
    for query in ("CREATE DATABASE other", f'GRANT ALL ON other TO "{name["grafana"]}"',
                  f'GRANT ALL ON metrics TO "{name["telegraf-w1"]}"'):  # fmt: skip
        call(site.url + "/query", method="POST", headers=admin, form={"q": query})
    wanted = [(f"user {name[each]}", "change") for each in ("telegraf-w1", "grafana")]
    assert site.converge() == wanted
    assert site.check() == []


def test_a_token_that_is_not_active_is_made_anew(site: Site) -> None:
    if site.engine == 1:
        pytest.skip("engine 1 has no tokens")
    site.converge()
    operator = {"Authorization": "Token " + site.secrets["influxdb_operator_token"]}
    path = site.url + "/api/v2/authorizations"
    _, answer = call(path, headers=operator)
    (mine,) = (a for a in answer["authorizations"] if "on w1 (" in a["description"])
    call(f"{path}/{mine['id']}", method="PATCH", headers=operator, body={"status": "inactive"})
    assert site.converge() == [(site.difference("w1"), "create")]
    assert site.stale == [(f"token of {mine['description'].removeprefix('provision: ')}", ["w1"])]
    assert site.write("w1") == 204


def test_a_password_of_the_administrator_that_is_not_right(site: Site) -> None:
    site.converge()
    site.secrets["influxdb_admin_password"] = "another password"
    if site.engine == 1:
        with pytest.raises(ServiceError) as error:
            site.check()
        assert "influxdb_admin_password" in error.value.remedy
    else:
        assert site.converge() == [("user admin", "change")]
        assert site.check() == []


def test_the_administrators_new_password_is_known_before_it_is_set(site: Site) -> None:
    if site.engine == 2:
        pytest.skip("engine 2 has an operator's token, with which the password is set")
    site.converge()
    before, following = site.secrets["influxdb_admin_password"], "the 'new' \"one\""
    site.secrets[entries.NEXT] = following
    assert site.check() == [("user admin", "change")]
    assert site.converge() == [("user admin", "change")]
    assert site.secrets["influxdb_admin_password"] == following
    # A run that ended before it had kept what it set.
    site.secrets["influxdb_admin_password"] = before
    assert site.check() == [("user admin", "change")]
    assert site.converge() == [("user admin", "change")]
    assert site.secrets["influxdb_admin_password"] == following
    del site.secrets[entries.NEXT]
    assert site.check() == []


def test_the_operators_token_is_renewed_before_the_old_one_goes(site: Site) -> None:
    if site.engine == 1:
        pytest.skip("engine 1 has no tokens")
    site.converge()
    for number in range(2):
        if number == 0:  # as a server that was set up by an earlier version
            describe_operator(site, "admin's Token")
            assert site.check() == [] and site.stale == []
        old = site.secrets[entries.OPERATOR]
        wanted = [(f"token {entries.OPERATOR}", "create")]
        assert site.check(entries.OPERATOR) == wanted
        assert site.converge(entries.OPERATOR) == wanted
        assert site.secrets[entries.OPERATOR] != old
        with_old = {**site.secrets, entries.OPERATOR: old}
        assert state.converge(site.entry, with_old, check=True, patience=9)["differences"] == []
        assert site.check() == []
        assert [owners for _, owners in site.stale] == [[]]
        assert site.revoke()["left"] == 0
        with pytest.raises(ServiceError, match="operator's token"):
            state.converge(site.entry, with_old, check=True, patience=9)
        assert site.check() == [] and site.stale == []


def test_an_operator_token_that_is_not_right(site: Site) -> None:
    if site.engine == 1:
        pytest.skip("engine 1 has no tokens")
    site.converge()
    site.secrets["influxdb_operator_token"] = "lost"
    with pytest.raises(ServiceError) as error:
        site.check()
    assert "recovery auth create-operator" in error.value.remedy


def test_a_server_without_the_organization(site: Site) -> None:
    """One that somebody set up otherwise, with the same operator's token."""
    if site.engine == 1:
        pytest.skip("engine 1 has no organizations")
    other = Site(site.engine, site.url)
    other.entry.update(organization="theirs", bucket="their bucket", username="their admin")
    other.converge()
    assert site.check()
    assert site.converge()
    assert site.check() == []
    assert site.write("w1") == 204


def share(site: Site) -> Callable[[], int]:
    """What was before each worker had a token or user of its own; gives how to write with it."""
    if site.engine == 1:
        admin = basic("admin", site.secrets["influxdb_admin_password"])
        for query in ("CREATE USER telegraf WITH PASSWORD 'shared'",
                      "GRANT WRITE ON metrics TO telegraf"):  # fmt: skip
            call(site.url + "/query", method="POST", headers=admin, form={"q": query})
        headers = basic("telegraf", "shared")
    else:
        headers = {"Authorization": "Token " + token(site, "provision: telegraf")}
    return lambda: call(site.url + "/write?db=metrics", method="POST", headers=headers)[0]


def token(site: Site, description: str) -> str:
    """Make a token that may write every bucket."""
    operator = {"Authorization": "Token " + site.secrets["influxdb_operator_token"]}
    _, answer = call(f"{site.url}/api/v2/orgs?org=site", headers=operator)
    organization = answer["orgs"][0]["id"]
    rights = [{"action": "write", "resource": {"type": "buckets", "orgID": organization}}]
    body = {"orgID": organization, "description": description, "permissions": rights}
    status, made = call(
        f"{site.url}/api/v2/authorizations", method="POST", headers=operator, body=body
    )
    assert status == 201, json.dumps(made)
    return str(made["token"])


def describe_operator(site: Site, description: str) -> None:
    operator = {"Authorization": "Token " + site.secrets["influxdb_operator_token"]}
    path = f"{site.url}/api/v2/authorizations"
    _, answer = call(path, headers=operator)
    (first,) = (a for a in answer["authorizations"] if "operator" in a["description"])
    body = {"description": description}
    assert call(f"{path}/{first['id']}", method="PATCH", headers=operator, body=body)[0] == 200
