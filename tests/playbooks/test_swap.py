from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest
from ansible.module_utils.provision import swap, trouble

from tests.playbooks.files import GROUP, USER, as_root, entry


def test_writes_a_file_with_its_mode_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "new dir" / "a b"
    entry(path, "text", 0o600).write()
    assert path.read_text() == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["a b"]


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    made = entry(tmp_path / "link", "new")
    assert made.content_differs()
    made.write()
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "link").is_symlink()
    assert not made.content_differs()
    assert not made.ownership_differs()


def test_an_account_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(swap.SwapError, match="nobody-of-that-name"):
        swap.Entry(str(tmp_path / "x"), "nobody-of-that-name", GROUP, 0o600, b"").account()


def test_finds_strays_at_any_depth(tmp_path: Path) -> None:
    for name in ("kept/file", "kept/stray", "stray/deep/file", "stray file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = swap.strays(str(tmp_path), [str(tmp_path / "kept/file")])
    assert sorted(found) == [str(tmp_path / n) for n in ("kept/stray", "stray", "stray file")]


@as_root
def test_where_there_is_no_room_for_all_files_none_is_changed(full: Path) -> None:
    begun: list[bool] = []
    entries = [entry(full / "old", "new" * 4096), entry(full / "other", "x" * 60000)]
    with pytest.raises(OSError, match="No space left") as error:
        swap.write_all(entries, lambda: begun.append(True))
    assert error.value.filename == str(full / "other")
    assert [path.name for path in full.iterdir()] == ["old"]
    assert (full / "old").read_text() == "old" * 4096 and not begun
    problem, remedy = trouble.writing(error.value)
    assert f"{full} has " in problem and f"df -i {full}" in remedy


def test_what_protects_a_file_is_told() -> None:
    error = OSError(errno.EPERM, "Operation not permitted", "/tmp/.provision-x", None, "/etc/x")
    problem, remedy = trouble.writing(error)
    assert problem == "/etc/x can't be written: Operation not permitted."
    assert "lsattr -d /etc/x /etc" in remedy and "chattr" in remedy


def test_a_link_in_the_place_of_a_directory_gives_way(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "directory"
    path.symlink_to(tmp_path / "elsewhere")
    wanted = swap.Entry(str(path), USER, GROUP, 0o755, None)
    assert wanted.ownership_differs()
    wanted.make_directory()
    assert path.is_dir() and not path.is_symlink() and not wanted.ownership_differs()
