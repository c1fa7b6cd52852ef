from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import apt, base, processes
from provision.rehearsal.progress import Quiet, Step

MIRROR = apt.Mirror("http://mirror.example.com/debian", (), Path("/k.gpg"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(apt, "mirror", lambda: MIRROR)
    monkeypatch.setattr(processes, "find", lambda program: f"/usr/sbin/{program}")


def test_another_mirror_makes_another_image() -> None:
    other = apt.Mirror("http://other.example.com/debian", (), Path("/k.gpg"))
    assert base.key(MIRROR) == base.key(MIRROR)
    assert base.key(MIRROR) != base.key(other)


def test_an_image_that_is_there_is_used(machine: None, tmp_path: Path) -> None:
    image = tmp_path / f"base-{base.key(MIRROR)}"
    image.mkdir()
    assert base.base_image(tmp_path, Quiet()) == image


def test_a_failed_build_and_what_a_killed_one_left_are_deleted(
    machine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = tmp_path / "base-0123456789ab.part123"
    (leftover / "usr").mkdir(parents=True)
    seen: list[Path] = []

    def build(argv: list[str | Path], *, log: Path, step: Step, **_: object) -> None:
        seen.append(Path(argv[-2]))
        assert (seen[0] / "etc/dpkg/dpkg.cfg.d/provision").is_file(), "before dpkg runs"
        raise ProvisionError("debootstrap failed")

    monkeypatch.setattr(processes, "build", build)
    with pytest.raises(ProvisionError, match="debootstrap failed"):
        base.base_image(tmp_path, Quiet())
    assert seen and not seen[0].exists()
    assert [path.name for path in tmp_path.iterdir()] == ["base.lock"]


def test_without_debootstrap_it_says_what_to_install(
    machine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "find", lambda program: None)
    with pytest.raises(ProvisionError) as caught:
        base.base_image(tmp_path, Quiet())
    assert caught.value.remedy == "apt-get install debootstrap"
