from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.provision import swap, trouble

USER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


def entry(path: Path, text: str, mode: int = 0o640) -> swap.Entry:
    return swap.Entry(str(path), USER, GROUP, mode, text.encode())


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


def test_goes_back_to_what_was_there_before(tmp_path: Path) -> None:
    unfinished, changed, new = tmp_path / "unfinished", tmp_path / "changed", tmp_path / "new"
    changed.write_text("old")
    changed.chmod(0o604)
    swap.keep(str(unfinished), [str(changed), str(new)])
    entry(changed, "first").write()
    entry(new, "new").write()
    # A second run, before the first was finished, must not take its files for the old ones.
    swap.keep(str(unfinished), [str(changed), str(new)])
    entry(changed, "second").write()
    assert swap.restore(str(unfinished)) == [str(changed), str(new)]
    assert changed.read_text() == "old"
    assert stat.S_IMODE(changed.stat().st_mode) == 0o604
    assert not new.exists()
    assert not unfinished.exists()


def test_without_old_files_there_is_no_way_back_and_the_swap_stays_unfinished(
    tmp_path: Path,
) -> None:
    swap.keep(str(tmp_path / "unfinished"), [])
    assert swap.restore(str(tmp_path / "unfinished")) == []
    assert (tmp_path / "unfinished").is_dir()


def test_finds_strays_at_any_depth(tmp_path: Path) -> None:
    for name in ("kept/file", "kept/stray", "stray/deep/file", "stray file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = swap.strays(str(tmp_path), [str(tmp_path / "kept/file")])
    assert sorted(found) == [str(tmp_path / n) for n in ("kept/stray", "stray", "stray file")]


@pytest.mark.skipif(os.getuid() != 0, reason="checks run as another user, which root alone can")
class TestCheck:
    def wanted(self, tmp_path: Path, command: str) -> dict[str, object]:
        return {
            "command": ["/bin/sh", "-c", command.replace("DIR", "{root}" + str(tmp_path))],
            "copies": [str(tmp_path / "etc")],
            "environment": str(tmp_path / "etc/default"),
            "variables": {"FOLDER": "{root}/folder"},
            "user": "nobody",
        }

    @pytest.fixture(autouse=True)
    def there(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir(mode=0o755)
        (tmp_path / "etc/stays").write_text("stays")
        (tmp_path / "etc/goes").write_text("goes")

    def run(self, tmp_path: Path, command: str) -> None:
        files = [
            entry(tmp_path / "etc/new", "new", 0o644),
            entry(tmp_path / "etc/default", 'SECRET="s3cr\\"et"\n# no\nOTHER=plain\n'),
        ]
        swap.check(self.wanted(tmp_path, command), files, [str(tmp_path / "etc/goes")])

    def test_sees_the_files_as_they_will_be_and_the_environment(self, tmp_path: Path) -> None:
        self.run(
            tmp_path,
            'test "$(cat DIR/etc/new)" = new && test -e DIR/etc/stays && ! test -e DIR/etc/goes'
            ' && mkdir "$FOLDER" && test "$FOLDER" = {root}/folder'
            ' && test "$SECRET" = \'s3cr"et\' && test $OTHER = plain && test $(id -un) = nobody',
        )
        assert (tmp_path / "etc/goes").exists()
        assert not (tmp_path / "etc/new").exists()

    def test_tells_the_errors_without_secrets_and_without_its_own_paths(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(swap.SwapError) as error:
            self.run(tmp_path, 'echo fine; echo "2026-01-01T00:00:00Z E! DIR/x: $SECRET"; exit 1')
        assert f"E! {tmp_path}/x: (secret)." in error.value.message
        assert "fine" not in error.value.message


def test_reads_an_environment_file_as_systemd_does() -> None:
    text = '# c\nA=1\n B="two words"\nC=\'it\'\nbad line\nD="q\\"q"\n'
    assert swap.environment(text) == {"A": "1", "B": "two words", "C": "it", "D": 'q"q'}


@pytest.mark.parametrize("target", ["target", "nowhere"])
def test_goes_back_to_a_link(tmp_path: Path, target: str) -> None:
    unfinished, link = tmp_path / "unfinished", tmp_path / "link"
    (tmp_path / "target").write_text("old")
    link.symlink_to(target)
    swap.keep(str(unfinished), [str(link)])
    entry(link, "new").write()
    assert not link.is_symlink()
    assert swap.restore(str(unfinished)) == [str(link)]
    assert link.readlink() == Path(target)
    assert (tmp_path / "target").read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "target"]


def test_goes_back_to_a_link_that_was_removed(tmp_path: Path) -> None:
    unfinished, link = tmp_path / "unfinished", tmp_path / "link"
    link.symlink_to("elsewhere")
    swap.keep(str(unfinished), [str(link)])
    link.unlink()
    swap.restore(str(unfinished))
    assert link.readlink() == Path("elsewhere")


def test_goes_back_to_a_file_where_a_link_is_now(tmp_path: Path) -> None:
    unfinished, path = tmp_path / "unfinished", tmp_path / "path"
    (tmp_path / "target").write_text("target")
    path.write_text("old")
    swap.keep(str(unfinished), [str(path)])
    path.unlink()
    path.symlink_to("target")
    swap.restore(str(unfinished))
    assert path.read_text() == "old"
    assert not path.is_symlink()
    assert (tmp_path / "target").read_text() == "target"


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


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="lacks root, which a mount needs")


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


@as_root
def test_a_full_disk_does_not_stop_the_way_back(full: Path, tmp_path: Path) -> None:
    path, unfinished = full / "old", tmp_path / "unfinished"
    swap.keep(str(unfinished), [str(path)])
    path.write_text("new" * 4096)
    with contextlib.suppress(OSError):
        (full / "filling").write_bytes(b"x" * 65536)
    swap.restore(str(unfinished))
    assert path.read_text() == "old" * 4096


@as_root
def test_what_can_not_be_kept_has_not_begun(full: Path, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * 65536)
    with pytest.raises(OSError, match="No space left"):
        swap.keep(str(full / "unfinished"), [str(big)])
    assert not (full / "unfinished").exists()


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
