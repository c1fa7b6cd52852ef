from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import installing, record

WANTED = [{"role": "telegraf", "name": "telegraf"}]


class Host:
    """In place of dpkg-query: packages by name, with version and whether they are installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, etc: Path) -> None:
        self.packages: dict[str, tuple[str, bool]] = {"libc6": ("2.36", True)}
        etc.mkdir()
        self.etc = etc
        monkeypatch.setattr(installing, "_TREES", (str(etc),))
        monkeypatch.setattr(installing, "known", self.known)

    def known(self, names: Sequence[str] = ()) -> dict[str, Any]:
        return {
            name: {"version": version, "installed": installed}
            for name, (version, installed) in self.packages.items()
            if not names or name in names
        }

    def install(self, version: str = "1.39") -> None:
        self.packages.update(telegraf=(version, True), adduser=("3.1", True))
        (self.etc / "telegraf.conf").write_text(f"of {version}")
        (self.etc / "unrelated").touch()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch, tmp_path / "etc")


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "provision")


def begin(root: str) -> None:
    with record.writing(root) as kept:
        installing.begin(kept, WANTED)


def settle(root: str) -> record.Record:
    with record.writing(root) as kept:
        installing.settle(kept)
    return record.Record(root)


def test_what_came_is_known(host: Host, root: str) -> None:
    begin(root)
    host.install()
    found = settle(root)
    assert found.packages == {"telegraf": {"role": "telegraf", "before": None, "version": "1.39"}}
    assert found.dependencies == ["adduser"]
    assert [Path(path).name for path in found.traces] == ["telegraf.conf"]
    assert [path.name for path in Path(root).iterdir()] == ["record.json"]


def test_a_killed_run_is_settled_by_the_next(host: Host, root: str) -> None:
    begin(root)
    host.packages["adduser"] = ("3.1", True)
    begin(root)
    host.install()
    found = settle(root)
    assert found.dependencies == ["adduser"]
    assert found.packages["telegraf"]["before"] is None


def test_what_was_there_before_is_not_ours(host: Host, root: str) -> None:
    host.install()
    with record.writing(root) as kept:
        installing.note_there(kept, {"telegraf": ["telegraf"], "grafana": ["grafana"]})
    begin(root)
    host.packages["telegraf"] = ("1.40", True)
    found = settle(root)
    assert found.packages == {
        "telegraf": {
            "role": "telegraf",
            "before": {"version": "1.39", "installed": True},
            "version": "1.40",
        }
    }
    assert (found.dependencies, found.traces) == ([], {})


def test_what_an_upgrade_writes_anew_is_ours_unless_it_was_changed(host: Host, root: str) -> None:
    begin(root)
    host.install()
    settle(root)
    begin(root)
    host.install("1.40")
    found = settle(root)
    path = str(host.etc / "telegraf.conf")
    assert record.sum_of(path) in found.traces[path]
    (host.etc / "telegraf.conf").write_text("changed by hand")
    begin(root)
    assert record.sum_of(path) not in settle(root).traces[path]
