from __future__ import annotations

from pathlib import Path

import pytest

from provision.rehearsal import kernel


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kernel, "SYSCTL", tmp_path / "sys")
    monkeypatch.setattr(kernel, "KEPT", tmp_path)
    path = tmp_path / "sys/fs/instances"
    path.parent.mkdir(parents=True)
    path.write_text("128\n")
    return path


def test_what_is_lower_is_raised_and_put_back(setting: Path) -> None:
    kernel.raise_all({"fs.instances": 4096})
    assert setting.read_text() == "4096"
    kernel.raise_all({"fs.instances": 5000})  # by another rehearsal: what it was stays noted
    kernel.put_back({"fs.instances": 0})
    assert setting.read_text() == "128"
    setting.write_text("7")
    kernel.put_back({"fs.instances": 0})
    assert setting.read_text() == "7"


def test_what_is_higher_stays(setting: Path) -> None:
    setting.write_text("8192\n")
    kernel.raise_all({"fs.instances": 4096})
    assert setting.read_text() == "8192\n"
