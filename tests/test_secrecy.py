"""Looking for secrets on this machine, where other runs come and go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e import secrecy


def test_what_another_run_removes_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir()
    file = tmp_path / "kept" / "file"
    file.write_bytes(b"secret")
    going = tmp_path / "going"
    going.mkdir()
    scandir = os.scandir

    def removed_first(path: str | os.PathLike[str]) -> os._ScandirIterator[str]:
        if Path(path) == going:
            going.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", removed_first)
    assert secrecy.every_file(tmp_path) == [file]
    assert not going.exists()
    assert secrecy.content(file) == b"secret"
    file.unlink()
    assert secrecy.content(file) == b""


def test_a_place_that_may_not_be_read_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(PermissionError):
        secrecy.every_file(tmp_path)
