"""What Grafana has of our alerts, on a real one: what left goes, what people made stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import alerting, secret_key

from provision.alerts.contacts import contact_points
from provision.alerts.rules import AlertRule, build_rules
from provision.catalog.load import load_catalogs
from provision.settings import Settings
from provision.templating import environment
from tests.catalog.builders import METRIC, above, catalog
from tests.hostile import HOSTILE
from tests.integration.grafana import PASSWORD, GrafanaServer, grafana_process, unpacked
from tests.integration.test_alerts import rules_file

RULES = build_rules([load_catalogs()["realm"]])
CONTACTS = {
    "mail": {"type": "email", "addresses": ["a@example.com", "b@example.com"]},
    "chat": {"type": "slack"},
    "bot": {"type": "slack", "channel": "#alerts", "severities": ["critical"]},
    "hook": {"type": "webhook", "url": "http://127.0.0.1:9/x", "username": "me"},
    "bearer": {"type": "webhook", "url": "http://127.0.0.1:9/x", "scheme": "Bearer"},
    "hidden": {"type": "webhook", "resolved": False},
    "pager": {"type": "pagerduty", "severities": "critical", "apps": "realm"},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tmp_path_factory.mktemp("grafana"))


@pytest.fixture
def grafana(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GrafanaServer]:
    for name in ("CHAT", "BOT", "HOOK", "BEARER", "HIDDEN", "PAGER"):
        monkeypatch.setenv(f"GRAFANA_CONTACT_{name}", f"http://127.0.0.1:9/{name}!#&")
    (tmp_path / "there").touch()
    monkeypatch.setattr(secret_key, "DATABASE", str(tmp_path / "there"))
    with grafana_process(home, tmp_path) as server:
        source = {"name": "I", "uid": "provision-influxdb", "type": "influxdb", "url": "http://x"}
        text = json.dumps({"apiVersion": 1, "datasources": [{**source, "access": "proxy"}]})
        (server.provisioning / "datasources/d.yaml").write_text(text)
        server.ask("POST", "/api/admin/provisioning/datasources/reload")

        def restart() -> None:
            server.program.stop()
            server.program.start()

        monkeypatch.setattr(alerting, "restart", restart)
        yield server


def place(server: GrafanaServer, rules: list[AlertRule], contacts: dict[str, Any]) -> None:
    """The files of a site, read by Grafana."""
    settings = Settings(
        grafana_contacts=contacts,  # type: ignore[arg-type]
        grafana_smtp_host="mail.example.com:25",
        grafana_smtp_from="grafana@example.com",
    )
    (server.provisioning / "alerting/provision.yaml").write_text(rules_file(*rules))
    path = server.provisioning / "alerting/provision-contacts.yaml"
    path.unlink(missing_ok=True)
    if contacts:
        name = "grafana/etc/grafana/provisioning/alerting/provision-contacts.yaml.j2"
        points = contact_points(settings.grafana_contacts)
        text = environment().get_template(name).render(settings=settings, contacts=points)
        path.write_text(text)
    server.ask("POST", "/api/admin/provisioning/alerting/reload")


def converge(
    server: GrafanaServer,
    rules: list[AlertRule],
    contacts: dict[str, Any],
    *,
    check: bool = False,
    keep: bool = False,
    password: str = PASSWORD,
) -> list[dict[str, str]]:
    """What the playbook does, or would do."""
    from ansible.module_utils.provision import grafana as module

    entry = {
        "role": "grafana",
        "url": server.url,
        "username": "admin",
        "secret": "password",
        "key": "grafana_secret_key",
        "environment": str(server.provisioning / "environment"),
        "configuration": str(server.provisioning / "none.ini"),
        "alerting": {
            "rules": [rule.uid for rule in rules],
            "contacts": [f"provision-{name}" for name in contacts],
            "file": str(server.provisioning / "alerting/provision-contacts.yaml"),
            "left": str(server.provisioning / "alerting/provision-left.yaml"),
            "kept": str(server.provisioning / "policies"),
        },
    }
    secrets = {"password": password}
    if keep:
        return list(module.keep(entry, secrets, patience=10)["differences"])
    done = module.converge(entry, secrets, check=check, patience=10)
    assert not (server.provisioning / "alerting/provision-left.yaml").exists()
    return list(done["differences"])


def uids(server: GrafanaServer) -> set[str]:
    return {rule["uid"] for rule in server.ask("GET", "/api/v1/provisioning/alert-rules")}


def a_person_makes_a_rule(server: GrafanaServer, uid: str, **changes: Any) -> None:
    """In the same folder and group, with the same labels, as a copy of ours would be."""
    (first, *_) = server.ask("GET", "/api/v1/provisioning/alert-rules")
    body = {key: value for key, value in first.items() if key not in ("id", "uid", "provenance")}
    body |= {"title": f"a person's {uid}", "uid": uid, "orgID": 1, **changes}
    server.ask("POST", "/api/v1/provisioning/alert-rules", body)


def test_a_rule_that_left_goes_and_a_persons_stays(grafana: GrafanaServer) -> None:
    place(grafana, RULES, {})
    assert converge(grafana, RULES, {}) == []
    a_person_makes_a_rule(grafana, "theirs")
    a_person_makes_a_rule(grafana, "provision-realm-of-ours")
    a_person_makes_a_rule(grafana, "provision-realm-0123456789ab", labels={})
    theirs = {"theirs", "provision-realm-of-ours", "provision-realm-0123456789ab"}
    place(grafana, RULES[1:], {})
    assert RULES[0].uid in uids(grafana)
    (told,) = converge(grafana, RULES[1:], {}, check=True)
    assert told["action"] == "remove" and RULES[0].title in told["why"]
    assert RULES[0].uid in uids(grafana)
    assert converge(grafana, RULES[1:], {}) == [told]
    assert uids(grafana) == {rule.uid for rule in RULES[1:]} | theirs
    assert converge(grafana, RULES[1:], {}, check=True) == []
    place(grafana, RULES, {})
    assert uids(grafana) == {rule.uid for rule in RULES} | theirs


def test_contacts_come_and_go_and_the_policies_with_them(grafana: GrafanaServer) -> None:
    before = grafana.ask("GET", "/api/v1/provisioning/policies")
    a_persons = {"name": "theirs", "type": "webhook", "settings": {"url": "http://127.0.0.1:9"}}
    grafana.ask("POST", "/api/v1/provisioning/contact-points", a_persons)

    def known() -> dict[str, Any]:
        points = grafana.ask("GET", "/api/v1/provisioning/contact-points")
        return {point["name"]: point for point in points}

    place(grafana, RULES, CONTACTS)
    assert converge(grafana, RULES, CONTACTS) == []
    assert {f"provision-{name}" for name in CONTACTS} <= known().keys()
    hook = known()["provision-hook"]["settings"]
    assert (hook["url"], hook["username"]) == ("http://127.0.0.1:9/x", "me")
    assert known()["provision-bearer"]["settings"]["authorization_scheme"] == "Bearer"
    assert known()["provision-hidden"]["disableResolveMessage"]
    assert known()["provision-hidden"]["settings"]["url"] == "http://127.0.0.1:9/HIDDEN!#&"
    policies = grafana.ask("GET", "/api/v1/provisioning/policies")
    assert policies["receiver"] == "provision-mail"
    routes = {each["receiver"]: each.get("object_matchers") for each in policies["routes"]}
    matchers = [["app", "=~", "realm"], ["severity", "=~", "critical"]]
    assert sorted(routes["provision-pager"]) == matchers
    assert routes["provision-chat"] is None
    assert all(each["continue"] for each in policies["routes"])

    few = {"chat": CONTACTS["chat"]}
    place(grafana, RULES, few)
    (told,) = converge(grafana, RULES, few)
    assert told["action"] == "remove" and "and 3 more" in told["why"]
    assert {"theirs", "provision-chat"} <= known().keys()
    assert "provision-pager" not in known()

    place(grafana, RULES, {})
    assert [each["name"] for each in converge(grafana, RULES, {})] == ["contact points"]
    assert "provision-chat" not in known() and "theirs" in known()
    assert grafana.ask("GET", "/api/v1/provisioning/policies")["receiver"] == before["receiver"]
    assert converge(grafana, RULES, {}, check=True) == []


def test_policies_that_people_made_stay_where_no_contact_is_set(grafana: GrafanaServer) -> None:
    a_persons = {"name": "theirs", "type": "webhook", "settings": {"url": "http://127.0.0.1:9"}}
    grafana.ask("POST", "/api/v1/provisioning/contact-points", a_persons)
    body = {"receiver": "theirs", "group_by": ["host"]}
    grafana.ask("PUT", "/api/v1/provisioning/policies", body)
    place(grafana, RULES, {})
    converge(grafana, RULES, {})
    policies = grafana.ask("GET", "/api/v1/provisioning/policies")
    assert (policies["receiver"], policies["group_by"]) == ("theirs", ["host"])


def test_policies_that_people_made_are_kept_before_contacts_replace_them(
    grafana: GrafanaServer,
) -> None:
    def policies(method: str = "GET", body: Any = None) -> Any:
        return grafana.ask(method, "/api/v1/provisioning/policies", body)

    def kept() -> list[Path]:
        return sorted(grafana.provisioning.glob("policies-*.json"))

    mail = {"mail": CONTACTS["mail"]}
    place(grafana, RULES, {})
    assert converge(grafana, RULES, mail, check=True) == []
    assert converge(grafana, RULES, mail, keep=True) == [] == kept()
    a_persons = {"name": "theirs", "type": "webhook", "settings": {"url": "http://127.0.0.1:9"}}
    grafana.ask("POST", "/api/v1/provisioning/contact-points", a_persons)
    route = {"receiver": "theirs", "object_matchers": [["team", "=", "shop"]]}
    theirs = {"receiver": "grafana-default-email", "group_by": ["host"], "routes": [route]}
    policies("PUT", theirs)

    (told,) = converge(grafana, RULES, mail, check=True)
    assert told["name"] == "notification policies"
    assert "kept on the host" in told["warning"] and kept() == []
    assert converge(grafana, RULES, {}, check=True) == []
    assert converge(grafana, RULES, mail, keep=True) == [told]
    place(grafana, RULES, mail)
    assert converge(grafana, RULES, mail) == []
    assert policies()["receiver"] == "provision-mail"
    assert converge(grafana, RULES, mail, keep=True) == []
    (path,) = kept()
    assert path.stat().st_mode & 0o777 == 0o600

    # As docs/alerts.md has it: with the last contact gone they may be given back.
    place(grafana, RULES, {})
    converge(grafana, RULES, {})
    policies("PUT", json.loads(path.read_text()))
    given = policies()
    assert (given["group_by"], given["routes"][0]["receiver"]) == (["host"], "theirs")


def test_rules_that_grafana_lost_come_again(grafana: GrafanaServer) -> None:
    place(grafana, RULES[1:], {})
    (grafana.provisioning / "alerting/provision.yaml").write_text(rules_file(*RULES))
    (told,) = converge(grafana, RULES, {}, check=True)
    assert (told["action"], told["name"]) == ("create", "alert rules")
    converge(grafana, RULES, {})
    assert uids(grafana) == {rule.uid for rule in RULES}


def test_a_password_that_grafana_was_never_given_is_not_tried(grafana: GrafanaServer) -> None:
    """After five it would let nobody in."""
    place(grafana, RULES, {})
    given = f'GF_SECURITY_ADMIN_PASSWORD="{PASSWORD}"\n'
    (grafana.provisioning / "environment").write_text(given)
    for _ in range(6):
        (told,) = converge(grafana, RULES, {}, check=True, password="another")
        assert (told["name"], told["action"]) == ("user admin", "change")
    assert converge(grafana, RULES, {}, check=True) == []
    # People's policies cannot be looked at then, and are kept where there are any.
    mail = {"mail": CONTACTS["mail"]}
    unseen = converge(grafana, RULES, mail, check=True, password="another")
    assert [each["name"] for each in unseen] == ["user admin", "notification policies"]
    # One that somebody has changed in Grafana is.
    (grafana.provisioning / "environment").write_text(given.replace(PASSWORD, "another"))
    (told,) = converge(grafana, RULES, {}, check=True, password="another")
    assert told["name"] == "user admin"


def test_titles_may_change_places(grafana: GrafanaServer) -> None:
    """Grafana writes one rule after the other, and takes no title twice in a folder."""

    def named(*titles: str) -> list[AlertRule]:
        metrics = [above(0, name=f"m{n}", title=title) for n, title in enumerate(titles)]
        return build_rules([catalog(*metrics)])

    for titles in (["a", "b", "b"], ["b", "a", "a"], ["b", "b", "b"]):
        place(grafana, named(*titles), {})
        known = grafana.ask("GET", "/api/v1/provisioning/alert-rules")
        shown = sorted(rule["title"].split(" (")[0] for rule in known)
        assert shown == sorted(titles)


def test_what_a_catalog_says_stays_what_it_says(grafana: GrafanaServer) -> None:
    """In titles, queries and annotations; the texts are Go templates, and give themselves back."""
    texts = [text for text in HOSTILE if text.isprintable() and text.strip()]
    condition = {"above": 0, "severity": "info"}
    made = catalog(
        *(
            METRIC
            | {"name": f"m{number}", "title": text[:300], "description": text}
            | {"condition": {**condition, "advice": text}}
            for number, text in enumerate(texts)
        ),
        title="$HOME {{ 7 }}",
    )
    rules = build_rules([made])
    place(grafana, rules, {})
    assert converge(grafana, rules, {}) == []
    known = {each["uid"]: each for each in grafana.ask("GET", "/api/v1/provisioning/alert-rules")}
    for rule, text in zip(rules, texts, strict=True):
        found = known[rule.uid]
        assert found["title"].startswith(f"{text.strip()} (")
        assert found["data"][0]["model"]["query"] == rule.query
        assert found["annotations"]["description"] == rule.description


def test_the_longest_of_everything(grafana: GrafanaServer) -> None:
    long = "é" * 150
    metrics = [above(0, name=f"m{n}." + "x" * 290, title=long) for n in range(2)]
    made = catalog(*metrics, app="a" * 30, title=long)
    rules = build_rules([made])
    place(grafana, rules, {})
    assert converge(grafana, rules, {}) == []
    assert uids(grafana) == {rule.uid for rule in rules}
