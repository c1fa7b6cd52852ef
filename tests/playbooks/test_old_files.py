from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import pytest
from ansible.module_utils.provision import old_files

from tests.playbooks.files import as_root, entry


def test_goes_back_to_what_was_there_before(tmp_path: Path) -> None:
    unfinished, changed, new = tmp_path / "unfinished", tmp_path / "changed", tmp_path / "new"
    changed.write_text("old")
    changed.chmod(0o604)
    old_files.keep(str(unfinished), [str(changed), str(new)])
    entry(changed, "first").write()
    entry(new, "new").write()
    # A second run, before the first was finished, must not take its files for the old ones.
    old_files.keep(str(unfinished), [str(changed), str(new)])
    entry(changed, "second").write()
    assert old_files.restore(str(unfinished)) == [str(changed), str(new)]
    assert changed.read_text() == "old"
    assert stat.S_IMODE(changed.stat().st_mode) == 0o604
    assert not new.exists()
    assert not unfinished.exists()


def test_without_old_files_there_is_no_way_back_and_the_swap_stays_unfinished(
    tmp_path: Path,
) -> None:
    old_files.keep(str(tmp_path / "unfinished"), [])
    assert old_files.restore(str(tmp_path / "unfinished")) == []
    assert (tmp_path / "unfinished").is_dir()


@pytest.mark.parametrize("target", ["target", "nowhere"])
def test_goes_back_to_a_link(tmp_path: Path, target: str) -> None:
    unfinished, link = tmp_path / "unfinished", tmp_path / "link"
    (tmp_path / "target").write_text("old")
    link.symlink_to(target)
    old_files.keep(str(unfinished), [str(link)])
    entry(link, "new").write()
    assert not link.is_symlink()
    assert old_files.restore(str(unfinished)) == [str(link)]
    assert link.readlink() == Path(target)
    assert (tmp_path / "target").read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "target"]


def test_goes_back_to_a_link_that_was_removed(tmp_path: Path) -> None:
    unfinished, link = tmp_path / "unfinished", tmp_path / "link"
    link.symlink_to("elsewhere")
    old_files.keep(str(unfinished), [str(link)])
    link.unlink()
    old_files.restore(str(unfinished))
    assert link.readlink() == Path("elsewhere")


def test_goes_back_to_a_file_where_a_link_is_now(tmp_path: Path) -> None:
    unfinished, path = tmp_path / "unfinished", tmp_path / "path"
    (tmp_path / "target").write_text("target")
    path.write_text("old")
    old_files.keep(str(unfinished), [str(path)])
    path.unlink()
    path.symlink_to("target")
    old_files.restore(str(unfinished))
    assert path.read_text() == "old"
    assert not path.is_symlink()
    assert (tmp_path / "target").read_text() == "target"


@as_root
def test_a_full_disk_does_not_stop_the_way_back(full: Path, tmp_path: Path) -> None:
    path, unfinished = full / "old", tmp_path / "unfinished"
    old_files.keep(str(unfinished), [str(path)])
    path.write_text("new" * 4096)
    with contextlib.suppress(OSError):
        (full / "filling").write_bytes(b"x" * 65536)
    old_files.restore(str(unfinished))
    assert path.read_text() == "old" * 4096


@as_root
def test_what_can_not_be_kept_has_not_begun(full: Path, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * 65536)
    with pytest.raises(OSError, match="No space left"):
        old_files.keep(str(full / "unfinished"), [str(big)])
    assert not (full / "unfinished").exists()
