from __future__ import annotations

import pytest
from pydantic import ValidationError

from provision.settings import Settings
from provision.site.wrong_settings import problem


@pytest.mark.parametrize(
    ("given", "where", "hint"),
    [
        ({"grafana_contacts": {"a": {"type": "slack", "chanel": "x"}}}, "a.chanel", "channel"),
        ({"grafana_contacts": {"webhook": {"type": "webhook", "x": 1}}}, "webhook.x", None),
        ({"grafana_contacts": {"a": {"type": "slak"}}}, "a", "slack"),
    ],
)
def test_a_key_is_where_people_wrote_it(
    given: dict[str, object], where: str, hint: str | None
) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)
    (found,) = [problem(each, "h", "f") for each in caught.value.errors()]
    assert found.where == f"grafana_contacts.{where}"
    assert found.hint == (hint and f"did you mean {hint}?")


@pytest.mark.parametrize(
    ("contacts", "told"),
    [
        ({"a": {"type": "slack", "token": "hush"}}, ""),
        ({"a": {"type": "pager", "integration_key": "hush"}}, "(found 'pager')"),
        ({"a": {"type": {"integration_key": "hush"}}}, ""),
        ({"a": {"type": "pagerduty", "severity": {"key": "hush"}}}, ""),
        ({"a": {"integration_key": "hush"}}, ""),
        ({"a": {"type": "email", "password": "hush"}}, ""),
        ({"a": "https://hooks.example.com/hush"}, ""),
        ({"a": ["hush"]}, ""),
        (["hush"], ""),
        ({"a": {"type": "slack", "channel": 7}}, "(found 7)"),
    ],
)
def test_what_may_be_a_secret_is_not_told(contacts: object, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"grafana_contacts": contacts})
    texts = [str(problem(each, "h", "f")) for each in caught.value.errors()]
    assert not [text for text in texts if "hush" in text]
    assert [text for text in texts if told in text]


def test_a_contacts_name_that_will_not_do_is_told_in_words() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"grafana_contacts": {"Ops team": {"type": "slack"}}})
    (told,) = [str(problem(each, "h", "f")) for each in caught.value.errors()]
    assert "a contact's name has lower-case letters, digits and _, 30 at most" in told
