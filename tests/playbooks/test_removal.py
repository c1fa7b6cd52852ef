from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import putting_back, record, removal


class NoPackages:
    """A host on which no package is to go."""

    def __init__(self) -> None:
        self.going: list[str] = []
        self.remaining: list[str] = []
        self.needed: dict[str, list[str]] = {}

    def remove(self, purgeable: Callable[[str], bool], lock_timeout: int) -> None:
        """Nothing."""


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "_systemctl", lambda *words: None)
    monkeypatch.setattr(removal, "_LEFT", ())


def going(tmp_path: Path, data: bool = False, **units: dict[str, str]) -> removal.Removal:
    kept = record.Record(str(tmp_path / "provision"))
    made = removal.Removal(kept, data, unit_of=units.get, packages=NoPackages())  # type: ignore[arg-type]
    made.plan()
    return made


def place(tmp_path: Path, path: Path, text: str) -> None:
    with record.writing(str(tmp_path / "provision")) as kept:
        kept.note_paths("telegraf", [str(path)])
        kept.note_placing(str(path), record.digest(text.encode()))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    path.write_text(text)


def told(steps: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(each["action"], Path(each["name"]).name) for each in steps]


def test_files_go_or_are_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("theirs")
    (tmp_path / "old").chmod(0o604)
    (tmp_path / "link").symlink_to("old-target")
    for path in (tmp_path / "old", tmp_path / "link", tmp_path / "made/by us/new"):
        place(tmp_path, path, "ours")
    made = going(tmp_path)
    assert sorted(told(made.steps)) == [
        ("put back", "link"),
        ("put back", "old"),
        ("remove", "new"),
    ]
    assert made.carry_out(5) == []
    assert (tmp_path / "old").read_text() == "theirs"
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o604
    assert (tmp_path / "link").readlink() == Path("old-target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "old"]


def test_what_somebody_changed_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("theirs")
    for name in ("old", "new"):
        place(tmp_path, tmp_path / name, "ours")
        (tmp_path / name).write_text(f"changed {name}")
    (tmp_path / "new.provision-removed").write_text("an earlier one")
    made = going(tmp_path)
    assert ("set aside", "old") in told(made.steps) and ("set aside", "new") in told(made.steps)
    assert "new.provision-removed-2" in str(made.steps)
    made.carry_out(5)
    assert (tmp_path / "old").read_text() == "theirs" and not (tmp_path / "new").exists()
    assert (tmp_path / "old.provision-removed").read_text() == "changed old"
    assert (tmp_path / "new.provision-removed-2").read_text() == "changed new"


def test_what_was_noted_and_never_touched_is_left(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("theirs")
    (tmp_path / "gone").write_text("theirs, too")
    with record.writing(str(tmp_path / "provision")) as kept:
        kept.note_paths("telegraf", [str(tmp_path / name) for name in ("old", "new", "gone")])
    (tmp_path / "old").write_text("theirs, changed")
    (tmp_path / "new").write_text("theirs, new")
    (tmp_path / "gone").unlink()  # as what must not be there
    made = going(tmp_path)
    assert told(made.steps) == [("put back", "gone")]
    made.carry_out(5)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "old": "theirs, changed",
        "new": "theirs, new",
        "gone": "theirs, too",
    }


def test_files_of_others_keep_their_directory(tmp_path: Path) -> None:
    place(tmp_path, tmp_path / "d/ours", "ours")
    (tmp_path / "d/theirs").write_text("theirs")
    going(tmp_path).carry_out(5)
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["theirs"]


@pytest.mark.parametrize("done", [0, 1, 2])
def test_one_that_ends_in_the_middle_is_finished(
    tmp_path: Path, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "b", "c"]
    for name in names:
        (tmp_path / name).write_text(f"theirs {name}")
        place(tmp_path, tmp_path / name, "ours")
    put_back, count = putting_back.Files._put_back, 0

    def once(self: putting_back.Files, path: str, before: dict[str, Any]) -> None:
        nonlocal count
        if count == done:
            raise KeyboardInterrupt
        count += 1
        put_back(self, path, before)

    monkeypatch.setattr(putting_back.Files, "_put_back", once)
    with pytest.raises(KeyboardInterrupt):
        going(tmp_path).carry_out(5)
    monkeypatch.undo()
    monkeypatch.setattr(removal, "_systemctl", lambda *words: None)
    going(tmp_path).carry_out(5)
    assert [(tmp_path / name).read_text() for name in names] == [f"theirs {n}" for n in names]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_data_stays_until_it_is_told_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, theirs = tmp_path / "data", tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "db").write_text("x" * 5000)
    monkeypatch.setitem(record.DATA, "influxdb", (str(data), str(theirs)))
    with record.writing(str(tmp_path / "provision")) as kept:
        kept.note_data(["influxdb"])
    data.mkdir()
    (data / "db").write_text("x" * 5000)
    first = going(tmp_path)
    assert first.steps == []
    assert [(each["name"], each["why"]) for each in first.stays] == [
        (str(data), "4 KiB; --data deletes it"),
        (str(theirs), "it was there before"),
    ]
    first.carry_out(5)
    again = going(tmp_path, data=True)
    assert told(again.steps) == [("delete", "data")]
    again.carry_out(5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs"]


def test_data_that_was_moved_to_where_there_is_room_goes_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, volume = tmp_path / "data", tmp_path / "volume"
    monkeypatch.setitem(record.DATA, "influxdb", (str(data),))
    with record.writing(str(tmp_path / "provision")) as kept:
        kept.note_data(["influxdb"])
    (volume / "wal").mkdir(parents=True)
    (volume / "wal" / "db").write_text("x" * 5000)
    (tmp_path / "theirs").write_text("x")
    (volume / "link").symlink_to(tmp_path / "theirs")
    data.symlink_to(volume)
    again = going(tmp_path, data=True)
    assert told(again.steps) == [("delete", "data")]
    again.carry_out(5)
    # The volume itself is theirs, and what a link in it leads to.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs", "volume"]
    assert list(volume.iterdir()) == []


def test_services_are_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, running = {"UnitFileState": "enabled", "ActiveState": "active"}, []
    idle = {"UnitFileState": "disabled", "ActiveState": "inactive"}
    before = {"own": run, "idle": idle}
    monkeypatch.setattr(record, "unit", before.get)
    with record.writing(str(tmp_path / "provision")) as kept:
        for name in ("own", "idle", "new"):
            kept.note_service("telegraf", name)
    monkeypatch.setattr(removal, "_systemctl", lambda *words: running.append(words))
    made = going(tmp_path, own=run, idle=run, new=run)
    assert told(made.steps) == [("stop", "idle"), ("stop", "new"), ("restart", "own")]
    assert made.carry_out(5) == []
    assert running == [
        ("disable", "--now", "idle"),
        ("disable", "--now", "new"),
        ("daemon-reload",),
        ("enable", "own"),
        ("restart", "--no-block", "own"),
    ]


def test_a_service_that_does_not_come_up_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"UnitFileState": "enabled", "ActiveState": "active"}
    monkeypatch.setattr(record, "unit", {"own": run}.get)
    monkeypatch.setattr(removal, "_PATIENCE", 0.0)
    with record.writing(str(tmp_path / "provision")) as kept:
        kept.note_service("telegraf", "own")
    problems = going(tmp_path, own=dict(run, ActiveState="failed")).carry_out(5)
    assert problems == ["own does not run with its old configuration"]
    assert not (tmp_path / "provision").exists()


def test_a_package_with_data_is_not_purged_by_a_script_that_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setitem(record.DATA, "influxdb", (str(data),))
    with record.writing(str(tmp_path / "provision")) as kept:
        kept.note_data(["influxdb"])
        kept.packages["influxdb"] = {"role": "influxdb", "before": None}
        kept.packages["rc"] = {"role": "x", "before": {"version": "1", "installed": False}}
    data.mkdir()
    (data / "db").write_text("x")
    monkeypatch.setattr(removal.unpacking, "script_names", lambda name, path: True)
    assert not going(tmp_path)._purgeable("influxdb")
    assert going(tmp_path, data=True)._purgeable("influxdb")
    assert not going(tmp_path, data=True)._purgeable("rc")
    monkeypatch.setattr(removal.unpacking, "script_names", lambda name, path: False)
    assert going(tmp_path)._purgeable("influxdb")
