from __future__ import annotations

from pathlib import Path

from provision.rehearsal import mounts

MOUNTINFO = (
    "22 1 0:20 / / rw - ext4 /dev/vda rw\n"
    "30 22 0:40 / /srv/a\\040b/root rw shared:1 - overlay provision rw\n"
    "31 30 0:41 / /srv/a\\040b/root/proc rw - proc proc rw\n"
)


def test_mount_points_with_blanks() -> None:
    assert mounts.parse(MOUNTINFO) == [
        Path("/"),
        Path("/srv/a b/root"),
        Path("/srv/a b/root/proc"),
    ]


def test_what_is_mounted_now_comes_last_first() -> None:
    found = mounts.beneath(Path("/"))
    assert found[-1] == Path("/") or Path("/") in found
    assert Path("/proc") in mounts.beneath(Path("/proc"))


def test_deleting_a_directory_that_is_not_there(tmp_path: Path) -> None:
    mounts.delete(tmp_path / "none")
    (tmp_path / "some" / "thing").mkdir(parents=True)
    mounts.delete(tmp_path / "some")
    assert list(tmp_path.iterdir()) == []
