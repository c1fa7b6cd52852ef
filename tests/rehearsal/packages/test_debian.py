from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal.packages import debian

# An apt that knows influxdb once lists have been fetched into a place of their own.
APT_CACHE = """#!/bin/sh
case "$*" in *Dir::State::lists*influxdb*) echo 'influxdb | 1.6.7 | mirror' ;; esac
"""
APT_GET = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *download*) touch influxdb_1%3a1.6.7%7erc0_amd64.deb ;; esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in [("apt-cache", APT_CACHE), ("apt-get", APT_GET)]:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_lists_are_fetched_into_the_cache_and_the_package_once(calls: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = debian.download("influxdb", cache)
    assert path == cache / "packages/debian/influxdb_1:1.6.7~rc0_amd64.deb"
    assert list(path.parent.iterdir()) == [path]
    update, download = calls.read_text().splitlines()
    assert f"Dir::State::lists={cache}/apt/lists" in update and update.endswith("update")
    assert f"Dir::State::lists={cache}/apt/lists" in download
    assert debian.download("influxdb", cache) == path
    assert len(calls.read_text().splitlines()) == 2


def test_a_package_that_no_source_has(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="nonsense: in none of this machine's apt sources"):
        debian.download("nonsense", tmp_path / "cache")
    assert "download" not in calls.read_text()
