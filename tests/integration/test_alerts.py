"""Each alert rule on real InfluxDB: what is fed, and which of its hosts then alert.

The chain of a rule (query, last value, bound) is evaluated here as Grafana does it, and by a real
Grafana where there is one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from provision.alerts.rules import AlertRule, build_rules
from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog, Metric
from provision.credentials import READER, fingerprint
from provision.render.targets import ALERT_RULES_PATH
from provision.templating import environment
from tests.alerts.series import (
    FINE,
    FIRING,
    Fed,
    asked,
    by_host,
    expected,
    lines,
    rules_of,
    states,
)
from tests.catalog.builders import (
    METRIC,
    PLACE,
    TIMER,
    above,
    below,
    catalog,
    gathered,
    scraped,
)
from tests.integration.grafana import VARIABLE, GrafanaServer, grafana_process, unpacked
from tests.integration.programs import Database

PLACES = {"placeholders": {"city": PLACE}}
# What no built-in catalog has.
OTHERS = (
    catalog(below(5, name="<city>.few"), app="few", **PLACES),
    catalog(above(90, type="gauge", name="level"), below(5, type="gauge", name="low"), app="level"),
    catalog(above(300, **{k: v for k, v in TIMER.items() if k != "condition"}), app="slow"),
    catalog(above(300, **TIMER | {"fields": ["mean"], "name": "mean"}), app="means"),
    catalog(above(20, type="set", name="users"), app="users"),
    scraped(above(3, name="scraped_total", labels={"city": None}), app="scraped", **PLACES),
    scraped(below(3, type="gauge", name="scraped_level"), app="scraped-level"),
    gathered(
        METRIC | {"name": "x.up", "always": True, "type": "gauge"}
        | {"condition": {"silent": "5m", "severity": "info", "advice": "Look."}},
        app="gathered",
    ),
)  # fmt: skip
EVERY = [
    pytest.param(each, metric, rule, id=f"{each.app}-{metric.name}")
    for each in (*load_catalogs().values(), *OTHERS)
    for metric, rule in rules_of(each)
]


def feed(database: Database, each: Catalog, metric: Metric, prefix: str = "") -> dict[str, str]:
    """Write all series of a rule; the state that each host's alert then is in."""
    given = expected(each, metric).items()
    known = {f"{prefix}{metric.name}-{name}": fed for name, fed in given}
    database.write(
        *(line for host, fed in known.items() for line in lines(each, metric, host, fed))
    )
    return {host: fed.state for host, fed in known.items()}


@pytest.mark.parametrize(("each", "metric", "rule"), EVERY)
def test_a_rule_fires_where_it_should_and_nowhere_else(
    database: Database, each: Catalog, metric: Metric, rule: AlertRule
) -> None:
    wanted = feed(database, each, metric)
    (answer,) = database.reader().ask([asked(rule)])
    assert by_host(states(rule, answer), wanted) == wanted
    assert {FIRING, FINE} <= set(wanted.values())


def test_nobody_has_ever_sent_anything(database: Database) -> None:
    made = catalog(above(0, name="never"), app="never")
    ((_, rule),) = rules_of(made)
    (answer,) = database.reader().ask([asked(rule)])
    assert states(rule, answer) == {}


@pytest.mark.parametrize("text", ['a "quoted" one', "it's, $x = {{ 7 }}", "é 漢字", "back\\slash"])
def test_the_value_of_a_tag_is_a_label_whatever_it_is(database: Database, text: str) -> None:
    made = catalog(above(0, name="<city>.odd"), app="odd", **PLACES)
    ((metric, rule),) = rules_of(made)
    database.write(*lines(made, metric, "w1", Fed(FIRING, [(10, 1)]), tags={"city": text}))
    (answer,) = database.reader().ask([asked(rule)])
    assert states(rule, answer)[("city", text), ("host", "w1")] == FIRING


def test_what_comes_under_a_former_name_counts(database: Database) -> None:
    metrics = [above(2, name="newer", formerly=[{"name": "older"}])]
    made = catalog(*metrics, app="renamed")
    ((metric, rule),) = rules_of(made)
    former = {(("former_name", "older"),): [(20, 2)]}
    database.write(*lines(made, metric, "w1", Fed(FIRING, [(10, 1)], former)))
    (answer,) = database.reader().ask([asked(rule)])
    assert states(rule, answer) == {(("host", "w1"),): FIRING}


@pytest.mark.parametrize(("condition", "bad"), [(above, 9), (below, 1)])
def test_of_series_that_differ_in_what_nobody_documented_the_worst_counts(
    database: Database, condition: Callable[..., dict[str, Any]], bad: int
) -> None:
    made = scraped(condition(5, type="gauge", name=f"coloured_{bad}"), app="coloured")
    ((metric, rule),) = rules_of(made)
    fine = 10 - bad
    # The other is fine, and came later.
    others = {(("colour", "red"),): [(20, bad)]}
    database.write(*lines(made, metric, "w1", Fed(FIRING, [(10, fine)], others)))
    database.write(*lines(made, metric, "w2", Fed(FINE, [(10, fine)])))
    (answer,) = database.reader().ask([asked(rule)])
    assert by_host(states(rule, answer), {"w1": 0, "w2": 0}) == {"w1": FIRING, "w2": FINE}


def test_a_worker_that_writes_seldom_is_not_silent(database: Database) -> None:
    made = load_catalogs()["host"]
    metric = next(each for each in made.metrics if each.name == "system.uptime")
    (rule,) = [each for each in build_rules([made], interval=600) if "system.uptime" in each.title]
    fed = {
        "seldom": Fed(FINE, [(1700, 1), (1100, 1)]),
        "seldom-silent": Fed(FIRING, [(2400, 1), (1900, 1)]),
    }
    database.write(*(line for h, each in fed.items() for line in lines(made, metric, h, each)))
    (answer,) = database.reader().ask([asked(rule)])
    assert by_host(states(rule, answer), fed) == {h: each.state for h, each in fed.items()}


def test_five_hundred_hosts_of_a_day_are_asked_for_in_a_moment(database: Database) -> None:
    """The rule that looks furthest back reads no more than each host's last point of the day."""
    made = load_catalogs()["host"]
    metric = next(each for each in made.metrics if each.name == "system.uptime")
    ((_, rule),) = [each for each in rules_of(made) if each[0] is metric]
    every = [(age, 1) for age in range(86_000, 0, -600)]
    for first in range(0, 500, 50):
        hosts = [f"many-{first + number}" for number in range(50)]
        fed = Fed(FINE, every)
        database.write(*(line for host in hosts for line in lines(made, metric, host, fed)))
    started = time.monotonic()
    (answer,) = database.reader().ask([asked(rule)])
    assert time.monotonic() - started < 5
    assert sum("many-" in series.tags["host"] for series in answer.series) == 500


# With a real Grafana


def provisioning(url: str, database: Database) -> dict[str, Any]:
    """The datasource as a site has it, at another address."""
    source: dict[str, Any] = {
        "name": "InfluxDB",
        "uid": "provision-influxdb",
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "database": "telegraf",
        "jsonData": {"dbName": "telegraf", "httpMode": "POST"},
    }
    if database.engine == 2:
        token = f"Token {database.secrets['influxdb_read_token']}"
        source["jsonData"]["httpHeaderName1"] = "Authorization"
        source["secureJsonData"] = {"httpHeaderValue1": token}
    else:
        source["user"] = f"{READER}-{fingerprint(database.secrets['influxdb_read_password'])}"
        source["secureJsonData"] = {"password": database.secrets["influxdb_read_password"]}
    return {"apiVersion": 1, "datasources": [source]}


def rules_file(*rules: AlertRule, folder: str = "provision") -> str:
    """The file of some rules, as it is rendered for a site."""
    groups: dict[str, list[AlertRule]] = {}
    for rule in rules:
        groups.setdefault(rule.app, []).append(rule)
    template = environment().get_template(f"grafana{ALERT_RULES_PATH}.j2")
    return template.render(
        groups=groups,
        every="10s",
        folder=folder,
        runbooks=False,
        datasource_uid="provision-influxdb",
    )


@pytest.fixture(scope="module")
def grafana(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GrafanaServer]:
    """A Grafana that asks the database, with the rules of all catalogs."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"lacks {VARIABLE}: a folder with Grafana's .deb")
    home = unpacked(tmp_path_factory.mktemp("grafana"))
    directory = tmp_path_factory.mktemp("server")
    (directory / "provisioning/datasources").mkdir(parents=True)
    (directory / "provisioning/alerting").mkdir()
    source = json.dumps(provisioning(database.url, database))
    (directory / "provisioning/datasources/d.yaml").write_text(source)
    rules = [rule for each in (*load_catalogs().values(), *OTHERS) for _, rule in rules_of(each)]
    (directory / "provisioning/alerting/provision.yaml").write_text(rules_file(*rules))
    with ExitStack() as stack:
        server = stack.enter_context(grafana_process(home, directory))
        server.ask("POST", "/api/admin/provisioning/datasources/reload")
        yield server


@pytest.mark.parametrize(("each", "metric", "rule"), EVERY)
def test_grafana_comes_to_the_same(
    grafana: GrafanaServer, database: Database, each: Catalog, metric: Metric, rule: AlertRule
) -> None:
    wanted = feed(database, each, metric, "grafana-")
    data = grafana.ask("GET", f"/api/v1/provisioning/alert-rules/{rule.uid}")["data"]
    answer = grafana.ask("POST", "/api/v1/eval", {"data": data, "now": _now()})["results"]["C"]
    assert "error" not in answer, answer
    found = {}
    for frame in answer["frames"]:
        (value,) = frame["schema"]["fields"]
        labels = tuple(sorted(value["labels"].items()))
        found[labels] = FIRING if frame["data"]["values"][0][-1] else FINE
    assert by_host(found, wanted) == wanted


def test_the_rules_are_in_grafana_as_they_were_written(grafana: GrafanaServer) -> None:
    known = {each["uid"]: each for each in grafana.ask("GET", "/api/v1/provisioning/alert-rules")}
    for each in load_catalogs().values():
        for _, rule in rules_of(each):
            found = known[rule.uid]
            assert found["title"] == rule.title
            assert found["data"][0]["model"]["query"] == rule.query
            assert found["annotations"]["summary"] == rule.summary
            assert found["annotations"]["description"] == rule.description
            assert found["noDataState"] == rule.no_data


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
