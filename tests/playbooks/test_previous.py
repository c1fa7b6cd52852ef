"""Which version of a package is kept to go back to, through an installation and its accidents."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import apt, previous

from tests.playbooks.conftest import PLAYBOOKS

_spec = importlib.util.spec_from_file_location("packages", PLAYBOOKS / "library" / "packages.py")
assert _spec is not None and _spec.loader is not None
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is kept, and packages that are had by writing their version."""
    archives = tmp_path / "archives"
    archives.mkdir()
    for version in ("1", "2"):
        (archives / f"telegraf_{version}_amd64.deb").write_text(version)
    monkeypatch.setattr(previous, "FOLDER", str(tmp_path / "previous"))
    monkeypatch.setattr(previous, "_ARCHIVES", str(archives))
    monkeypatch.setattr(apt, "install", lambda *_: ["telegraf"])
    return tmp_path / "previous/telegraf"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, state: str, version: str) -> None:
    """Install another version over one, which is kept."""
    monkeypatch.setattr(apt, "state_of", lambda _: (state, version))
    missing = [{"name": "telegraf", "role": "telegraf"}]
    wanted: dict[str, Any] = {"unfinished": str(folder), "repositories": [], "sources": []}
    packages._install(missing, wanted, 0)


def names(kept: Path) -> list[str]:
    return sorted(path.name for path in kept.iterdir())


def test_an_upgrade_that_has_not_ended_keeps_what_did_work(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1", "2"):
        install(tmp_path / "run", monkeypatch, "install ok installed", version)
    assert names(kept) == ["telegraf_1_amd64.deb"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        # It was begun anew by the host's start, and has run since.
        ("install ok installed", ["telegraf_2_amd64.deb"]),
        # What dpkg had not finished did not run.
        ("install ok half-configured", ["telegraf_1_amd64.deb"]),
    ],
)
def test_what_was_kept_before_the_host_was_shut_down_is_old(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, expected: list[str]
) -> None:
    install(tmp_path / "run", monkeypatch, "install ok installed", "1")
    (tmp_path / "run/telegraf").rmdir()  # it is in memory
    install(tmp_path / "run", monkeypatch, state, "2")
    assert names(kept) == expected
