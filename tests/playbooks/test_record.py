from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from ansible.module_utils.provision import record


def root(tmp_path: Path) -> str:
    return str(tmp_path / "provision")


def test_what_was_there_is_kept_once(tmp_path: Path) -> None:
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "link"
    old.write_text("the first")
    old.chmod(0o604)
    link.symlink_to("old")
    with record.writing(root(tmp_path)) as kept:
        kept.note_paths("telegraf", [str(old), str(new), str(link)])
    old.write_text("of ours")
    new.write_text("of ours")
    with record.writing(root(tmp_path)) as kept:
        kept.note_paths("telegraf", [str(old), str(new), str(link)])
    found = record.Record(root(tmp_path))
    before = found.files[str(old)]["before"]
    assert found.kept(before) == b"the first" and before["mode"] == 0o604
    assert found.files[str(new)]["before"] is None
    assert found.files[str(link)]["before"]["link"] == "old"


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("a secret of theirs")
    with record.writing(root(tmp_path)) as kept:
        kept.note_paths("telegraf", [str(tmp_path / "old")])
    paths = [path for path in (tmp_path / "provision").rglob("*") if path.is_file()]
    assert len(paths) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert stat.S_IMODE((tmp_path / "provision").stat().st_mode) == 0o700


def test_a_file_that_an_unrecorded_run_left_is_nothing_from_before(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("# Written by provision. More.\n")
    with record.writing(root(tmp_path)) as kept:
        kept.note_paths("telegraf", [str(tmp_path / "ours")])
        assert kept.files[str(tmp_path / "ours")]["before"] is None


def test_a_service_that_an_unrecorded_run_started_did_not_run_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = {"UnitFileState": "enabled", "ActiveState": "active"}
    monkeypatch.setattr(record, "unit", lambda name: running)
    (tmp_path / "ours").write_text("# Written by provision. More.\n")
    touched = {
        "paths": {"telegraf": [str(tmp_path / "ours")], "grafana": [str(tmp_path / "none")]},
        "directories": {},
        "services": {"telegraf": ["telegraf"], "grafana": ["grafana-server"]},
    }
    record.note(touched, root(tmp_path))
    found = record.Record(root(tmp_path)).services
    assert found["telegraf"]["before"] == {"UnitFileState": "disabled", "ActiveState": "inactive"}
    assert found["grafana-server"]["before"] == running


def test_directories_that_will_be_made_are_known_with_those_above(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o711)
    with record.writing(root(tmp_path)) as kept:
        kept.note_paths("grafana", [str(tmp_path / "a/b/file")])
        kept.note_directories("grafana", [str(there)])
    found = record.Record(root(tmp_path)).directories
    assert found[str(tmp_path / "a")]["before"] is None
    assert found[str(tmp_path / "a/b")]["before"] is None
    assert found[str(there)]["before"] == {"uid": os.getuid(), "gid": os.getgid(), "mode": 0o711}
    assert str(tmp_path) not in found


def test_the_last_texts_of_a_file_are_known_as_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    with record.writing(root(tmp_path)) as kept:
        kept.note_paths("telegraf", [path])
        for text in (b"1", b"2", b"3", b"1", b"4", b"5"):
            kept.note_placing(path, record.digest(text))
    assert record.Record(root(tmp_path)).files[path]["sums"] == [
        record.digest(text) for text in (b"3", b"1", b"4", b"5")
    ]


def test_a_record_that_cannot_be_read_stops_the_work(tmp_path: Path) -> None:
    with record.writing(root(tmp_path)) as kept:
        kept.note_role("telegraf", {"by": "a@b", "version": "1"})
    Path(root(tmp_path), "record.json").write_text('{"files": ')
    with (
        pytest.raises(record.RecordError, match=r"record\.json"),
        record.writing(root(tmp_path)),
    ):
        pass
    Path(root(tmp_path), "record.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(record.RecordError, match="99"):
        record.Record(root(tmp_path))


def test_nothing_is_written_where_nothing_is_new(tmp_path: Path) -> None:
    with record.writing(root(tmp_path)) as kept:
        kept.note_made("influxdb", ["user admin"])
    before = Path(root(tmp_path), "record.json").stat().st_ino
    with record.writing(root(tmp_path)) as kept:
        kept.note_made("influxdb", ["user admin"])
    assert Path(root(tmp_path), "record.json").stat().st_ino == before


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    def note(number: int) -> None:
        with record.writing(root(tmp_path)) as kept:
            kept.note_made("influxdb", [f"user {number}"])

    threads = [threading.Thread(target=note, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(record.Record(root(tmp_path)).state["influxdb"]) == 20
