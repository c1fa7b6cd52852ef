"""Grafana's alerting files of a site."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.fleet.model import Fleet
from provision.render.targets import ALERT_RULES_PATH, ALERTS_LEFT_PATH
from provision.settings import Settings
from tests.conftest import INVENTORY
from tests.render.expected import rendered

Make = Callable[..., Fleet]
CONTACTS = {
    "chat": {"type": "slack"},
    "pager": {"type": "pagerduty", "severities": ["critical"]},
    "mail": {"type": "email", "addresses": ["a@example.com"]},
}
MAIL = {
    "grafana_smtp_host": "mail.example.com:587",
    "grafana_smtp_from": "grafana@example.com",
    "grafana_smtp_user": "grafana",
}
ROOT = "monitor.example.com"


def tree(make: Make, directory: Path, **settings: Any) -> dict[str, str]:
    fleet = make(INVENTORY, "-e", json.dumps(settings)) if settings else make()
    return rendered(fleet.site, directory)


def test_every_application_has_a_group_of_rules(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of, tmp_path / "tree")
    document = yaml.safe_load(files[ROOT + ALERT_RULES_PATH])
    assert [group["name"] for group in document["groups"]] == ["host", "pipeline", "realm"]
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    manifest = json.loads(files[f"{ROOT}/.manifest.json"])
    (state,) = [entry for entry in manifest["state"] if entry["role"] == "grafana"]
    assert state["alerting"]["rules"] == [rule["uid"] for rule in rules]
    assert state["alerting"]["left"] == ALERTS_LEFT_PATH
    assert ALERTS_LEFT_PATH in [entry["path"] for entry in manifest["absent"]]
    for rule in rules:
        assert [query["refId"] for query in rule["data"]] == ["A", "B", "C"]
        assert rule["condition"] == "C"
        assert rule["labels"]["provision"] == "true"
        assert rule["annotations"]["runbook"].startswith("provision catalog docs ")
        assert rule["annotations"]["__panelId__"] == str(rule["panelId"])


def test_pages_that_are_published_are_led_to(fleet_of: Make, tmp_path: Path) -> None:
    url = "https://docs.example.com/metrics/{app}.html"
    files = tree(fleet_of, tmp_path / "tree", grafana_runbook_url=url)
    (_, _, realm) = yaml.safe_load(files[ROOT + ALERT_RULES_PATH])["groups"]
    found = [rule["annotations"]["runbook_url"] for rule in realm["rules"]]
    assert "https://docs.example.com/metrics/realm.html#authenticationfailed-counter" in found


def test_without_contacts_nobodys_policies_are_touched(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of, tmp_path / "tree")
    assert not any("policies" in text for path, text in files.items() if "/alerting/" in path)
    path = "/etc/grafana/provisioning/alerting/provision-contacts.yaml"
    assert ROOT + path not in files
    manifest = json.loads(files[f"{ROOT}/.manifest.json"])
    assert path in [entry["path"] for entry in manifest["absent"]]


def test_contacts_secrets_are_in_the_environment_alone(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of, tmp_path / "tree", grafana_contacts=CONTACTS, **MAIL)
    text = files[f"{ROOT}/etc/grafana/provisioning/alerting/provision-contacts.yaml"]
    document = yaml.safe_load(text)
    settings = {
        point["name"]: point["receivers"][0]["settings"] for point in document["contactPoints"]
    }
    assert settings["provision-chat"] == {"url": "${GRAFANA_CONTACT_CHAT}"}
    assert settings["provision-pager"]["integrationKey"] == "${GRAFANA_CONTACT_PAGER}"
    assert settings["provision-mail"]["addresses"] == "a@example.com"
    (policy,) = document["policies"]
    assert policy["receiver"] == "provision-chat"
    assert [route["receiver"] for route in policy["routes"]] == [*settings]
    environment = files[f"{ROOT}/etc/default/grafana-server"]
    for name in ("grafana_contact_chat", "grafana_contact_pager", "grafana_smtp_password"):
        assert f'"{{{{ provision_secrets.{name} }}}}"' in environment
    assert "grafana_contact_mail" not in environment
    assert "host = mail.example.com:587" in files[f"{ROOT}/etc/grafana/grafana.ini"]


def test_links_in_messages_lead_to_where_grafana_is_reached(fleet_of: Make, tmp_path: Path) -> None:
    files = tree(fleet_of, tmp_path / "tree")
    assert "root_url = http://192.0.2.1:3000/\n" in files[f"{ROOT}/etc/grafana/grafana.ini"]
    files = tree(fleet_of, tmp_path / "tree", grafana_url="https://grafana.example.com/")
    assert "root_url = https://grafana.example.com/\n" in files[f"{ROOT}/etc/grafana/grafana.ini"]


@pytest.mark.parametrize("url", ["https://x/realm", "ftp://x/{app}", "https://x/{app}#y", "{app}"])
def test_a_page_of_every_application_is_needed(url: str) -> None:
    with pytest.raises(ValueError, match="grafana_runbook_url"):
        Settings(grafana_runbook_url=url)
