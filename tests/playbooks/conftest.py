from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
for folder in (str(PLAYBOOKS), str(Path(__file__).parent)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import comparing  # noqa: E402, F401 - lets ansible.module_utils find ours


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A small file system with a file on it, and no room for another of its size."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", place], check=True)
    try:
        (place / "old").write_text("old" * 4096)
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
