"""Contacts of an inventory: what Grafana is told, what is secret, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from provision.alerts.contacts import ContactPoint, contact_points, contact_secrets
from provision.settings import Settings

MAIL = {"grafana_smtp_host": "mail.example.com:587", "grafana_smtp_from": "grafana@example.com"}


def point(**contact: Any) -> ContactPoint:
    settings = Settings(grafana_contacts={"me": contact}, **MAIL)  # type: ignore[arg-type]
    (made,) = contact_points(settings.grafana_contacts)
    return made


@pytest.mark.parametrize(
    ("contact", "settings", "secret"),
    [
        ({"type": "email", "addresses": "a@b.c, d@e.f"}, {"addresses": "a@b.c;d@e.f"}, None),
        ({"type": "slack"}, {}, "url"),
        ({"type": "slack", "channel": "#x"}, {"recipient": "#x"}, "token"),
        ({"type": "webhook"}, {"httpMethod": "POST"}, "url"),
        ({"type": "webhook", "url": "http://x/y"}, {"url": "http://x/y"}, None),
        (
            {"type": "webhook", "url": "http://x", "username": "u"},
            {"url": "http://x", "username": "u"},
            "password",
        ),
        (
            {"type": "webhook", "url": "http://x", "scheme": "Bearer"},
            {"authorization_scheme": "Bearer"},
            "authorization_credentials",
        ),
        ({"type": "pagerduty"}, {}, "integrationKey"),
    ],
)
def test_a_contact_is_a_contact_point(
    contact: Mapping[str, Any], settings: Mapping[str, Any], secret: str | None
) -> None:
    made = point(**contact)
    assert made.uid == "provision-me"
    assert settings.items() <= made.settings.items()
    assert made.secret_setting == secret
    assert made.secret == ("grafana_contact_me" if secret else None)
    assert made.matchers == ()


def test_a_contact_is_told_of_some_alerts_only() -> None:
    made = point(type="slack", severities="critical, warning", apps=["realm"], resolved=False)
    assert made.matchers == (("severity", "=~", "critical|warning"), ("app", "=~", "realm"))
    assert made.silent_when_over


def test_secrets_are_named_after_contacts() -> None:
    contacts = {
        "b": {"type": "pagerduty"},
        "a_1": {"type": "slack"},
        "c": {"type": "webhook", "url": "http://x"},
    }
    made = Settings(grafana_contacts=contacts).grafana_contacts  # type: ignore[arg-type]
    assert contact_secrets(made) == ("grafana_contact_b", "grafana_contact_a_1")
    assert [each.variable for each in contact_points(made)][:2] == [
        "GRAFANA_CONTACT_B",
        "GRAFANA_CONTACT_A_1",
    ]


@pytest.mark.parametrize(
    "contact",
    [
        {},
        {"type": "sms"},
        {"type": "email"},
        {"type": "email", "addresses": []},
        {"type": "email", "addresses": ["nobody"]},
        {"type": "email", "addresses": ["a@b.c;d@e.f"]},
        {"type": "email", "addresses": ["$HOME@b.c"]},
        {"type": "slack", "channel": "a b"},
        {"type": "slack", "url": "https://hooks.example.com/secret"},
        {"type": "webhook", "url": "file:///etc/passwd"},
        {"type": "webhook", "url": "http://u:p@x"},
        {"type": "webhook", "url": "http://x", "username": "u", "scheme": "Bearer"},
        {"type": "webhook", "username": "u"},
        {"type": "slack", "severities": ["worst"]},
        {"type": "slack", "apps": ["a|b"]},
    ],
)
def test_what_is_no_contact_is_refused(contact: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="grafana_contacts"):
        point(**contact)


def test_a_webhook_that_is_a_file_is_told_what_it_is_to_be() -> None:
    with pytest.raises(ValueError, match="a URL begins with http:// or https:// "):
        point(type="webhook", url="file:///etc/passwd")


@pytest.mark.parametrize("name", ["", "A", "a-b", "1a", "a" * 31, "a b", "$x"])
def test_a_name_is_a_word(name: str) -> None:
    with pytest.raises(ValueError, match="grafana_contacts"):
        Settings(grafana_contacts={name: {"type": "slack"}})  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", MAIL)
def test_mail_needs_a_server_and_a_sender(missing: str) -> None:
    given: Any = {name: value for name, value in MAIL.items() if name != missing}
    contact: Any = {"me": {"type": "email", "addresses": ["a@b.c"]}}
    with pytest.raises(ValueError, match=f"me: e-mail needs {missing}"):
        Settings(grafana_contacts=contact, **given)
