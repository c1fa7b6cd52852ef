from __future__ import annotations

from pathlib import Path

import pytest

from provision.paths import scratch


def test_what_is_needed_no_longer_goes_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert scratch(1) == str(tmp_path)
    assert scratch(1 << 60) is None
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    assert scratch(1) in ("/dev/shm", None)


def test_where_the_operator_names_a_place_it_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "theirs"))
    assert scratch(1) is None
