from __future__ import annotations

from typing import Any

import pytest

from provision.dashboards.exchange.datasource import Wanted, choose, described, existing
from provision.errors import ProvisionError

URL = "http://grafana"
INFLUXQL = {"uid": "a", "name": "Metrics", "type": "influxdb", "jsonData": {"dbName": "x"}}
FLUX = {"uid": "b", "name": "Fluxy", "type": "influxdb", "jsonData": {"version": "Flux"}}
SQL = {"uid": "c", "name": "Sequel", "type": "influxdb", "jsonData": {"version": "SQL"}}
LOKI = {"uid": "d", "name": "Logs", "type": "loki"}


def refused(known: list[dict[str, Any]], wanted: str | None) -> str:
    with pytest.raises(ProvisionError) as caught:
        choose(known, wanted, URL)
    return f"{caught.value.message}; {caught.value.remedy}"


def test_the_only_one_is_taken_and_others_by_uid_or_name() -> None:
    known = [FLUX, INFLUXQL, LOKI]
    assert choose(known, None, URL) is INFLUXQL
    assert choose(known, "a", URL) is choose(known, "Metrics", URL) is INFLUXQL
    other = {**INFLUXQL, "uid": "Metrics", "name": "Other"}
    assert choose([INFLUXQL, other], "Metrics", URL) is other, "a uid goes before a name"


def test_what_cannot_be_taken_is_told_with_what_can() -> None:
    other = {**INFLUXQL, "uid": "e", "name": "Other"}
    assert "'Metrics' (uid a), 'Other' (uid e); choose one" in refused([INFLUXQL, other], None)
    assert "--create-datasource" in refused([FLUX, LOKI], None)
    assert "is asked in Flux" in refused([FLUX, INFLUXQL], "b")
    assert "is asked in SQL" in refused([SQL], "Sequel")
    assert "is no InfluxDB but loki" in refused([LOKI], "d")
    assert "no datasource 'z'" in refused([INFLUXQL], "z")


def test_one_that_is_made_has_its_secret_apart() -> None:
    token = described(Wanted("http://i:8086", "telegraf", token="t"))
    assert token["jsonData"]["httpHeaderName1"] == "Authorization"
    assert token["secureJsonData"] == {"httpHeaderValue1": "Token t"}
    assert (token["database"], token["jsonData"]["dbName"]) == ("telegraf", "telegraf")
    password = described(Wanted("http://i:8086", "telegraf", username="u", password="p"))
    assert (password["user"], password["secureJsonData"]) == ("u", {"password": "p"})
    assert "httpHeaderName1" not in password["jsonData"]
    assert token["isDefault"] is False
    assert "t'" not in repr(Wanted("http://i", "d", token="t", password="t"))


def test_one_that_was_made_before_is_taken_and_anothers_left() -> None:
    wanted = Wanted("http://i:8086", "telegraf", token="t")
    made = described(wanted)
    assert existing([INFLUXQL], wanted, URL) is None
    assert existing([INFLUXQL, made], wanted, URL) is made
    proxied = {**made, "url": "/api/datasources/proxy/uid/x"}
    assert existing([proxied], wanted, URL) is proxied
    for other in (
        {**proxied, "jsonData": {"dbName": "other"}},
        {**made, "url": "http://elsewhere"},
        {**made, "type": "loki"},
        {**made, "uid": "z", "jsonData": {"dbName": "other"}},
    ):
        with pytest.raises(ProvisionError, match="left as it is"):
            existing([other], wanted, URL)
