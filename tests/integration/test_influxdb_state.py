"""The state of InfluxDB, converged on real servers of both engines."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import state
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
    """One state entry and the secrets, which grow as the server makes tokens."""

    def __init__(self, engine: int, url: str) -> None:
        self.engine, self.url = engine, url
        self.entry: dict[str, Any] = trees.state(engine, url=url)
        self.secrets = dict(trees.SECRETS)

    def check(self) -> list[tuple[str, str]]:
        result = state.converge(self.entry, self.secrets, check=True, patience=30)
        assert result["secrets"] == {}
        return [(each["name"], each["action"]) for each in result["differences"]]

    def converge(self) -> list[tuple[str, str]]:
        result = state.converge(self.entry, self.secrets, check=False, patience=30)
        self.secrets.update(result["secrets"])
        return [(each["name"], each["action"]) for each in result["differences"]]

    def write(self, secret: str) -> int:
        """The status of writing a point with what the secret lets in."""
        token, v1 = self.secrets.get(f"influxdb_{secret}_token", ""), {}
        if self.engine == 1:
            names = {"write": "telegraf", "read": "grafana"}
            v1 = basic(names[secret], self.secrets[f"influxdb_{secret}_password"])
        headers = v1 or {"Authorization": "Token " + token}
        request = urllib.request.Request(
            self.url + "/write?db=metrics", data=b"m,host=a value=1", headers=headers
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

    def read(self, secret: str) -> tuple[int, Any]:
        """Status and answer of a query with what the secret lets in."""
        if self.engine == 1:
            names = {"write": "telegraf", "read": "grafana"}
            headers = basic(names[secret], self.secrets[f"influxdb_{secret}_password"])
        else:
            headers = {"Authorization": "Token " + self.secrets[f"influxdb_{secret}_token"]}
        return call(self.url + "/query?db=metrics&q=SELECT+*+FROM+m", headers=headers)


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


def test_each_login_may_do_its_own_and_no_more(site: Site) -> None:
    site.converge()
    assert site.write("write") == 204
    status, answer = site.read("read")
    assert status == 200
    assert answer["results"][0]["series"][0]["name"] == "m"
    assert site.write("read") in (403, 404)
    refused, answer = site.read("write")
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


def test_wrong_and_missing_logins_are_made_anew(site: Site) -> None:
    site.converge()
    if site.engine == 1:
        site.secrets["influxdb_write_password"] = "another ' \" \\ one"
        assert site.converge() == [("user telegraf", "change")]
    else:
        site.secrets["influxdb_write_token"] = "nonsense"
        assert site.converge() == [("token influxdb_write_token", "create")]
        site.secrets.pop("influxdb_read_token")
        assert site.converge() == [("token influxdb_read_token", "create")]
        swapped = dict(site.secrets)
        swapped["influxdb_write_token"] = site.secrets["influxdb_read_token"]
        site.secrets = swapped
        assert site.converge() == [("token influxdb_write_token", "create")]
    assert site.check() == []
    assert site.write("write") == 204


def test_rights_that_grew_are_taken_back(site: Site) -> None:
    if site.engine == 2:
        site.converge()
        site.secrets["influxdb_write_token"] = site.secrets["influxdb_operator_token"]
        assert site.check() == [("token influxdb_write_token", "create")]
        return
    site.converge()
    admin = basic("admin", site.secrets["influxdb_admin_password"])
    for query in ("CREATE DATABASE other", "GRANT ALL ON other TO grafana",
                  "GRANT ALL ON metrics TO telegraf"):  # fmt: skip
        call(site.url + "/query", method="POST", headers=admin, form={"q": query})
    assert site.converge() == [("user telegraf", "change"), ("user grafana", "change")]
    assert site.check() == []


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
    assert site.write("write") == 204
