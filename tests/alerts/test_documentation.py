"""docs/alerts.md against the code: its examples, its keys, its variables, its secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import yaml

from provision.alerts.contacts import Contact, contact_secrets
from provision.catalog.vocabulary import Severity
from provision.settings import VARIABLES, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
EXAMPLES = [
    yaml.safe_load(text)
    for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
KINDS = get_args(get_args(Contact)[0])


def test_the_examples_are_settings_and_their_secrets() -> None:
    runbook, contacts, secrets = EXAMPLES
    Settings.model_validate(runbook)
    settings = Settings.model_validate(contacts)
    wanted = {*contact_secrets(settings.grafana_contacts), "grafana_smtp_password"}
    assert secrets["provision_secrets"].keys() == wanted


def test_every_key_of_a_contact_is_there() -> None:
    section = PAGE.split("## Who is told")[1].split("### Their secrets")[0]
    keys = {name for kind in KINDS for name in kind.model_fields}
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == keys
    kinds = {get_args(kind.model_fields["type"].annotation)[0] for kind in KINDS}
    for word in (*kinds, *Severity):
        assert f"`{word}`" in section


def test_every_variable_is_there_with_its_default() -> None:
    rows = re.findall(r"^\| `(grafana_alert_\w+)` \| .* \| `(.+)` \|$", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} == {v for v in VARIABLES if v.startswith("grafana_alert_")}
    for name, default in rows:
        assert Settings.model_validate({name: yaml.safe_load(default)}) == Settings()
    for name in VARIABLES:
        if name.startswith(("grafana_smtp_", "grafana_runbook", "grafana_contacts")):
            assert name in PAGE
