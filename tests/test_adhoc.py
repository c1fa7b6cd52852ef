"""Twin of provision/adhoc.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from provision.adhoc import adhoc_inventory, adhoc_path, unless_wrong
from provision.errors import ProvisionError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_workers_and_their_applications_add_up() -> None:
    adhoc_inventory("m", ["w1"], ["realm"])
    path = adhoc_inventory("m", ["w1", "w2"], ["other"])
    assert path == adhoc_path("m")
    hosts = yaml.safe_load(path.read_text())["workers"]["hosts"]
    assert hosts == {"w1": {"apps": ["other", "realm"]}, "w2": {"apps": ["other"]}}


@pytest.mark.parametrize("name", ["", "-x", "a b", "../m", "m;reboot", "a,b", "[1:2]"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ProvisionError, match="not the name of a host"):
        adhoc_inventory("m", [name], [])
    with pytest.raises(ProvisionError, match="not the name of a host"):
        adhoc_path(name)


def test_what_turns_out_wrong_is_undone() -> None:
    with pytest.raises(ProvisionError), unless_wrong(adhoc_path("m")):
        adhoc_inventory("m", ["w1"], ["relam"])
        raise ProvisionError("no such application")
    assert not adhoc_path("m").exists()
    before = adhoc_inventory("m", ["w1"], ["realm"]).read_text()
    with pytest.raises(ProvisionError), unless_wrong(adhoc_path("m")):
        adhoc_inventory("m", ["w1"], ["relam"])
        raise ProvisionError("no such application")
    assert adhoc_path("m").read_text() == before
