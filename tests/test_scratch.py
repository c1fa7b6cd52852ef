from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision import scratch as module
from provision.scratch import scratch

HOLDING = """
import sys
from provision.scratch import scratch
with scratch(1) as directory:
    (directory / "tree").mkdir()
    (directory / "tree" / "file").touch(mode=0o000)
    print(directory, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run that is in the middle of its work, and its directory."""
    argv = [sys.executable, "-c", HOLDING]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def place(size: int) -> Path:
    with scratch(size) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
    assert not directory.exists()
    return directory.parent


def test_it_is_where_there_is_room(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place(1) == memory
    assert place(1 << 60) not in (memory, Path("/dev/shm"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(memory / "none"))
    assert place(1) in (Path("/dev/shm"), Path("/tmp"))


def test_where_the_operator_names_a_place_it_is_theirs(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (memory / "theirs").mkdir()
    monkeypatch.setenv("TMPDIR", str(memory / "theirs"))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert place(1) == memory / "theirs"


def test_what_a_killed_run_has_left_is_deleted(
    memory: Path, other: tuple[subprocess.Popen[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, left = other
    process.kill()
    process.wait()
    place(1)
    assert left.is_dir(), "it might be of a run that is about to lock it"
    monkeypatch.setattr(module, "_YOUNG", 0)
    place(1)
    assert list(memory.iterdir()) == []


def test_what_is_in_use_or_of_others_is_left_alone(
    memory: Path, other: tuple[subprocess.Popen[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_YOUNG", 0)
    theirs = [memory / "provision-other", memory / "provision-run-file"]
    theirs[0].mkdir()
    theirs[1].touch()
    link = memory / "provision-run-link"
    link.symlink_to(theirs[0])
    place(1)
    assert set(memory.iterdir()) == {other[1], *theirs, link}
    assert (other[1] / "tree" / "file").exists()
