"""telegraf-buffer over logs in Telegraf's form (real ones: tests/integration/test_outage.py)."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

import pytest

from provision.settings import Settings
from tests.telegraf_buffer import telegraf_buffer

CONFIGURATION = """
[agent]
  interval = "10s"

[[outputs.influxdb_v2]]
  urls = ["http://m:8086"]
  # A comment.
  token = "${INFLUXDB_WRITE_TOKEN}"
  skip = true
"""
NAME = hashlib.sha256(
    b'outputs.influxdb_v2\0skip:true\0token:"${INFLUXDB_WRITE_TOKEN}"\0urls:["http://m:8086"]\0'
).hexdigest()
OTHER = "a" * 64


def entry(text: str) -> bytes:
    """A metric as it stands in a log: 300 bytes, their number before them."""
    content = b"+\x7f\x03\x01\x01" + telegraf_buffer.MARK + text.encode().ljust(300 - 22, b".")
    return bytes([len(content) & 127 | 128, len(content) >> 7]) + content


def log(directory: Path, name: str, *segments: bytes, first: int = 1, age: float = 0) -> Path:
    """A log of some segments, whose last change is so many seconds ago."""
    path = directory / name
    path.mkdir(parents=True)
    for data in segments:
        segment = path / f"{first:020d}"
        segment.write_bytes(data)
        changed = path.stat().st_mtime - age
        os.utime(segment, (changed, changed))
        first += sum(entries for _, _, entries in telegraf_buffer.pieces(data))
    return path


def kept(directory: Path, name: str = NAME) -> list[str]:
    """The metrics of a log, in Telegraf's order; each segment named by its first."""
    found: list[str] = []
    segments = sorted((directory / name).iterdir())
    first = int(segments[0].name) if segments else 1
    for segment in segments:
        assert int(segment.name) == first + len(found)
        data = segment.read_bytes()
        place = 0
        while place < len(data):
            end = telegraf_buffer.entry_end(data, place)
            assert end, f"{segment}: no entry at {place}"
            found.append(data[place + 2 + 22 : end].decode().rstrip("."))
            place = end
    return found


@pytest.fixture
def buffer(tmp_path: Path) -> Path:
    (tmp_path / "telegraf.conf").write_text(CONFIGURATION)
    (tmp_path / "buffer").mkdir()
    return tmp_path / "buffer"


def start(buffer: Path, limit: int = 1 << 30) -> None:
    telegraf_buffer.start(str(buffer), limit, str(buffer.parent / "telegraf.conf"))


def many(*names: str) -> bytes:
    return b"".join(map(entry, names))


def test_what_is_whole_and_in_its_place_is_not_touched(buffer: Path) -> None:
    path = log(buffer, NAME, many("a", "b"), many("c"), b"", first=41)
    before = {each: (each.stat().st_ino, each.stat().st_mtime_ns) for each in path.iterdir()}
    start(buffer)
    after = {each: (each.stat().st_ino, each.stat().st_mtime_ns) for each in path.iterdir()}
    assert after == before
    assert kept(buffer) == ["a", "b", "c"]


def test_an_empty_folder_stays_empty(buffer: Path) -> None:
    start(buffer)
    assert [each.name for each in buffer.iterdir()] == ["last"]


@pytest.mark.parametrize("torn", [1, 2, 100, 301])
def test_an_entry_that_is_cut_short_is_dropped(
    buffer: Path, capsys: pytest.CaptureFixture[str], torn: int
) -> None:
    log(buffer, NAME, many("a", "b") + entry("c")[:torn])
    start(buffer)
    assert kept(buffer) == ["a", "b"]
    assert f"{torn} bytes are no whole metric" in capsys.readouterr().err


def test_what_cannot_be_noted_down_does_not_stop_the_mending(buffer: Path) -> None:
    """On a full disk."""
    log(buffer, OTHER, many("a", "b")[:-1])
    (buffer / "last").mkdir()
    start(buffer)
    assert kept(buffer) == ["a"]


@pytest.mark.parametrize("garbage", [b"\x00" * 50, b"\xff" * 9, entry("x")[:200], entry("x")[:20]])
def test_what_comes_after_garbage_is_kept(buffer: Path, garbage: bytes) -> None:
    """A disk that was full: half an entry, and whole ones once there was room again."""
    log(buffer, NAME, many("a") + garbage + many("b", "c") + garbage, many("d"))
    start(buffer)
    assert [each for each in kept(buffer) if not each.startswith("x")] == ["a", "b", "c", "d"]


def test_a_front_that_was_being_cut_off_is_cut_off(buffer: Path) -> None:
    path = log(buffer, NAME, many("a", "b"), many("c", "d"))
    (path / f"{4:020d}.START").write_bytes(many("d"))
    (path / f"{9:020d}.START.TEMP").write_bytes(b"half")
    (path / f"{3:020d}").unlink()
    start(buffer)
    assert kept(buffer) == ["d"]


def test_what_another_configuration_kept_goes_on_in_the_log_of_this_one(buffer: Path) -> None:
    log(buffer, OTHER, many("a", "b"), many("c"), first=7, age=60)
    log(buffer, NAME, many("d"), first=5)
    start(buffer)
    assert kept(buffer) == ["a", "b", "c", "d"]
    assert {each.name for each in buffer.iterdir()} == {NAME, "last"}
    assert stat.S_IMODE((buffer / NAME).stat().st_mode) == 0o750


@pytest.mark.parametrize("step", range(6))
def test_gathering_that_was_cut_short_is_finished(
    buffer: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    log(buffer, OTHER, many("a", "b"), many("c"), first=7, age=60)
    log(buffer, NAME, many("d"), many("e"), first=5)
    done = 0
    rename = os.rename

    def killed(*paths: str) -> None:
        nonlocal done
        done += 1
        if done > step:
            raise KeyboardInterrupt
        rename(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", killed)
        try:
            start(buffer)
        except KeyboardInterrupt:
            assert step < 5
    start(buffer)
    assert kept(buffer) == ["a", "b", "c", "d", "e"]
    assert {each.name for each in buffer.iterdir()} == {NAME, "last"}


def test_beyond_the_bound_the_oldest_is_dropped(
    buffer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(buffer, OTHER, many("a", "b"), age=60)
    log(buffer, NAME, *(many(name) for name in "cdefgh"))
    start(buffer, limit=7 * 302)
    # Three quarters of the bound are left: it is not at once reached again.
    assert kept(buffer) == ["d", "e", "f", "g", "h"]
    assert "the oldest 3 metrics are lost" in capsys.readouterr().err


def test_of_one_segment_the_front_is_dropped(buffer: Path) -> None:
    log(buffer, NAME, many(*"abcdefgh"), many("i"), first=11)
    start(buffer, limit=8 * 302)
    assert kept(buffer) == ["d", "e", "f", "g", "h", "i"]


def test_a_full_disk_leaves_room_to_write_the_rest_anew(
    buffer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        f_bavail, f_frsize = 0, 4096

    log(buffer, NAME, many(*"abcdefgh"))
    monkeypatch.setattr(os, "statvfs", lambda path: Full)
    start(buffer)
    assert kept(buffer) == ["f", "g", "h"]


def test_where_telegraf_names_its_log_in_another_way_nothing_is_moved(
    buffer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A later version may: what waits must not be moved to where it does not look."""
    for _ in range(3):
        start(buffer)
        path = buffer / OTHER
        path.mkdir(exist_ok=True)
        (path / f"{1:020d}").write_bytes(many("a"))
    assert kept(buffer, OTHER) == ["a"]
    assert not (buffer / NAME).exists()
    assert "is not known" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        '[[outputs.file]]\n  files = ["stdout"]\n',
        '  [outputs.influxdb_v2.headers]\n  a = "b"\n',
        '  several = [\n    "a"\n  ]\n',
        '  quoted = "a\\"b"\n',
    ],
)
def test_an_output_that_is_not_understood_has_no_name(more: str) -> None:
    assert telegraf_buffer.identifier(CONFIGURATION) == NAME
    assert telegraf_buffer.identifier(CONFIGURATION + more) is None


def test_telegraf_is_restarted_when_its_buffer_is_too_large(
    buffer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(telegraf_buffer, "LEAST_BYTES", 0)
    log(buffer, NAME, many("a"), many("b"))
    telegraf_buffer.watch(str(buffer), 604)
    assert not (tmp_path / "asked").exists()
    telegraf_buffer.watch(str(buffer), 603)
    assert (tmp_path / "asked").read_text() == "try-restart telegraf.service\n"


def test_the_log_of_the_sign_of_life_is_not_taken_for_what_waits(buffer: Path) -> None:
    """It is the one that was last changed while InfluxDB is silent."""
    beside = buffer.parent / "host.conf"
    beside.write_text('[[inputs.mem]]\n[[outputs.file]]\n  alias = "alive"\n')
    other = telegraf_buffer.identifier(beside.read_text())
    assert other
    log(buffer, OTHER, many("a", "b"), age=9)
    log(buffer, other, many("sign of life"))
    (buffer / "last").write_text(OTHER)
    configuration = str(buffer.parent / "telegraf.conf")
    telegraf_buffer.start(str(buffer), 1 << 30, configuration, str(beside))
    assert kept(buffer) == ["a", "b"]
    assert [each.name for each in buffer.iterdir() if each.is_dir()] == [NAME]


@pytest.mark.parametrize("task", ["start", "watch"])
@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("# Why.\n64\n", 64 << 20),
        ("64", 64 << 20),
        (None, 2000 << 20),
        ("", 2000 << 20),
        ("# Why.\nmany\n", 2000 << 20),
    ],
    ids=["named", "by hand", "missing", "empty", "no number"],
)
def test_the_bound_is_that_of_a_file_and_without_one_telegraf_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    task: str,
    text: str | None,
    most: int,
) -> None:
    path = tmp_path / "bound"
    if text is not None:
        path.write_text(text)
    called: list[tuple[object, ...]] = []
    monkeypatch.setattr(telegraf_buffer, task, lambda *given: called.append(given))
    more = ["a.conf"] if task == "start" else []
    monkeypatch.setattr(sys, "argv", ["telegraf-buffer", task, "/buffer", str(path), *more])
    telegraf_buffer.main()
    assert called == [("/buffer", most, *more)]
    told = capsys.readouterr().err
    usual = Settings().telegraf_buffer_megabytes << 20
    assert (str(path) in told and "the bound is 2000 MB" in told) == (most == usual)
