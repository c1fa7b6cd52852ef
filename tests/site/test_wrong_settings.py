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
        ({"grafana_contacts": {"a": {"type": "slak"}}}, "a", None),
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


def test_the_value_of_an_unknown_key_is_not_told() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"grafana_contacts": {"a": {"type": "slack", "token": "hush"}}})
    assert "hush" not in str(problem(caught.value.errors()[0], "h", "f"))
