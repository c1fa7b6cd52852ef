from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.fleet.applying import apply
from provision.fleet.keeping import assert_given, keep_secrets
from provision.fleet.model import Fleet
from provision.run.view import RunView
from provision.secrets import load_secrets, write_secrets
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]


def test_secrets_are_made_once_and_said_so_once(fleet_of: Make, tmp_path: Path) -> None:
    fleet, notes = fleet_of(), list[str]()
    path = keep_secrets(fleet, notes.append)
    first = load_secrets(path, fleet.inventory.read_yaml)
    assert first.keys() == set(fleet.site.generated_secrets)
    assert keep_secrets(fleet, notes.append) == path == tmp_path / "secrets.yml"
    assert load_secrets(path, fleet.inventory.read_yaml) == first
    assert notes == [f"new secrets are in {path}: keep that file"]


CHAT = '{"grafana_contacts": {"chat": {"type": "slack"}}}'


def test_a_secret_that_must_be_given_is_missed_before_anything_is_done(fleet_of: Make) -> None:
    fleet = fleet_of(INVENTORY, "-e", CHAT)
    with pytest.raises(ProvisionError, match=r"secrets\.yml: no grafana_contact_chat") as caught:
        apply(fleet, check=False, verbose=False, view=RunView())
    assert "provision_secrets" in str(caught.value.remedy)
    assert not fleet.secrets_file.exists()
    write_secrets(fleet.secrets_file, {"grafana_contact_chat": "x"})
    assert_given(fleet)
