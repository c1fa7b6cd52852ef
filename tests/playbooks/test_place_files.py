"""In which order the module does its work: systemd and nftables are not there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.provision import letting_in, old_files, reloading, services, trial, units

from tests.playbooks.files import GROUP, USER
from tests.playbooks.test_cut_short import module

Done = list[tuple[str, Any]]


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    """What is done beside files, in its order, with the files that were there then."""
    found: Done = []

    def there() -> list[str]:
        return sorted(path.name for path in tmp_path.glob("*.nft"))

    def work(wanted: Any, restored: bool = False) -> float:
        found.append(("works", there()))
        return 0.1

    monkeypatch.setattr(letting_in, "_RULES", re.compile(rf"{tmp_path}/([^/]+)\.nft"))
    monkeypatch.setattr(
        letting_in, "now", lambda paths: found.append(("let in", sorted(map(str, paths))))
    )
    monkeypatch.setattr(services, "start", lambda *_, **__: found.append(("start", there())))
    monkeypatch.setattr(services, "await_working", work)
    monkeypatch.setattr(reloading, "reload", lambda *_: bool(found.append(("reload", []))) or True)
    monkeypatch.setattr(reloading, "at_work", lambda _: True)
    return found


def run(**arguments: Any) -> dict[str, Any]:
    """The module's answer."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        )
        patch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
        patch.setattr("builtins.print", said.append)
        with pytest.raises(SystemExit):
            module.main()
    answer: dict[str, Any] = json.loads(said[-1])
    return answer


def test_strangers_are_let_in_when_the_service_runs_without_its_rules(
    tmp_path: Path, done: Done
) -> None:
    rules, unfinished = tmp_path / "telegraf.nft", tmp_path / "unfinished"
    rules.touch()
    service = [{"name": "telegraf", "role": "telegraf"}]
    run(absent=[str(rules)], unfinished=str(unfinished), services=service)
    assert done == [("start", []), ("works", []), ("let in", [str(rules)])]


def test_where_no_old_files_are_kept_it_works_as_well(tmp_path: Path, done: Done) -> None:
    rules = tmp_path / "telegraf.nft"
    rules.touch()
    run(absent=[str(rules)], services=[{"name": "telegraf", "role": "telegraf"}])
    assert done[-1] == ("let in", [str(rules)])


def test_a_run_that_was_killed_before_that_is_taken_up(tmp_path: Path, done: Done) -> None:
    rules, unfinished = tmp_path / "telegraf.nft", tmp_path / "unfinished"
    rules.touch()
    old_files.keep(str(unfinished), [str(rules)])
    rules.unlink()
    service = [{"name": "telegraf", "role": "telegraf"}]
    run(recheck=True, unfinished=str(unfinished), services=service)
    assert done[-1] == ("let in", [str(rules)])
    assert not unfinished.exists()


def test_rules_that_are_new_go_with_what_is_put_back(tmp_path: Path, done: Done) -> None:
    rules, unfinished = tmp_path / "telegraf.nft", tmp_path / "unfinished"
    old_files.keep(str(unfinished), [str(rules)])
    rules.touch()
    service = [{"name": "telegraf", "role": "telegraf"}]
    answer = run(state="restored", unfinished=str(unfinished), services=service)
    assert answer["recovered"]
    assert done == [("start", []), ("works", []), ("let in", [str(rules)])]


def test_where_no_file_could_be_changed_what_runs_goes_on(tmp_path: Path, done: Done) -> None:
    """As where the first that was to be written is protected."""
    path, unfinished = tmp_path / "x", tmp_path / "unfinished"
    path.write_text("as it was")
    old_files.keep(str(unfinished), [str(path)])
    service = [{"name": "telegraf", "role": "telegraf"}]
    answer = run(state="restored", unfinished=str(unfinished), services=service)
    assert not answer["changed"] and not answer["recovered"]
    assert {"start", "works"}.isdisjoint(step for step, _ in done)
    assert not unfinished.exists()


def place(folder: Path, *names: str, **more: Any) -> dict[str, Any]:
    """Place these files in a folder whose inputs are taken up by a service that runs."""
    files = [
        {
            "path": str(folder / name),
            "owner": USER,
            "group": GROUP,
            "mode": "0640",
            "content": "eA==",
            "digest": "ab",
        }
        for name in names
    ]
    service = [{"name": "telegraf", "role": "telegraf", "reloads": "/inputs"}]
    wanted = {"polled": "/polled", "services": service, **more}
    return run(files=files, unfinished=str(folder / "unfinished"), **wanted)


def steps(done: Done) -> list[str]:
    return [what for what, _ in done if what != "let in"]


def test_what_is_taken_up_by_a_service_that_runs_restarts_nothing(
    tmp_path: Path, done: Done
) -> None:
    said = place(tmp_path, "inputs", "polled")
    assert said["changed"] and said["restarted"] == {}
    assert steps(done) == ["reload"]
    assert not (tmp_path / "unfinished").exists()
    done.clear()
    assert not place(tmp_path, "inputs", "polled")["changed"]
    assert steps(done) == ["start", "works"], "it is looked after, and was not stopped"


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (["inputs", "main"], {}),
        (["inputs"], {"recheck": True}),
        (["inputs"], {"keep": False}),
        (["polled"], {}),
        (["inputs"], {"services": [{"name": "telegraf", "role": "telegraf", "reloads": ""}]}),
        (["inputs"], {"services": [{"name": "telegraf", "role": "telegraf"}]}),
    ],
)
def test_all_else_is_started_anew(
    tmp_path: Path, done: Done, names: list[str], more: dict[str, bool]
) -> None:
    assert place(tmp_path, *names, **more)["restarted"] == {}
    assert steps(done) == ["start", "works"]


def test_one_that_does_not_take_them_up_is_started_anew(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "reload", lambda *_: False)
    assert place(tmp_path, "inputs")["restarted"] == {"telegraf": []}
    assert steps(done) == ["start", "works"]


@pytest.mark.parametrize("loads", [True, False])
def test_rules_that_others_have_dropped_are_loaded_without_a_restart(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch, loads: bool
) -> None:
    place(tmp_path, "inputs")
    done.clear()
    said = "" if loads else "Operation not supported"
    monkeypatch.setattr(letting_in, "loading", lambda unit: done.append(("load", unit)) or said)
    answer = place(tmp_path, "inputs", unguarded=True)
    assert done[0] == ("load", "telegraf")
    if loads:
        assert answer["changed"] and steps(done) == ["load", "start", "works"]
    else:
        assert answer["failed"] and steps(done) == ["load"]
        place(tmp_path, "other", unguarded=True)
        assert not (tmp_path / "other").exists(), "what is put back would be started, and could not"
        assert "telegraf can't be loaded (Operation not supported)." in answer["problem"]
        assert "nft -f /etc/provision/telegraf.nft" in answer["remedy"]


@pytest.mark.parametrize(
    ("names", "loaded", "does"),
    [
        (["inputs"], [], ["reload"]),
        (["inputs", "telegraf.nft"], [("load", ["telegraf"])], ["load", "reload"]),
        (["telegraf.nft"], [("load", ["telegraf"])], ["load"]),
    ],
)
def test_rules_that_are_new_are_loaded_and_a_service_is_not_told_of_them(
    tmp_path: Path,
    done: Done,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    loaded: list[tuple[str, list[str]]],
    does: list[str],
) -> None:
    monkeypatch.setattr(letting_in, "_FOLDER", str(tmp_path))
    monkeypatch.setattr(letting_in, "loading", lambda unit: done.append(("load", [unit])) or "")
    service = [{"name": "telegraf", "role": "telegraf", "reloads": "/(inputs|telegraf.nft)"}]
    said = place(tmp_path, *names, services=service)
    assert said["changed"] and said["restarted"] == {}
    assert [each for each in done if each[0] == "load"] == loaded
    assert steps(done) == does


@pytest.mark.parametrize("names", [["telegraf.nft"], ["inputs", "telegraf.nft"]])
def test_where_rules_cannot_be_loaded_the_old_files_are_back_and_nothing_is_restarted(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    monkeypatch.setattr(letting_in, "_FOLDER", str(tmp_path))
    monkeypatch.setattr(letting_in, "loading", lambda _: "no such kernel")
    (tmp_path / "telegraf.nft").write_text("old")
    service = [{"name": "telegraf", "role": "telegraf", "reloads": "/(inputs|telegraf.nft)"}]
    said = place(tmp_path, *names, services=service)
    assert said["failed"] and steps(done) == []
    assert "can't be loaded (no such kernel). The old files are back" in said["problem"]
    assert (tmp_path / "telegraf.nft").read_text() == "old"
    assert not (tmp_path / "inputs").exists()
    assert place(tmp_path, state="restored", services=service)["restored"] is False
    assert steps(done) == []


@pytest.mark.parametrize("name", ["inputs", "telegraf.nft"])
def test_what_is_not_at_work_is_started_whatever_is_new(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It has ended since it was compared, or does not start with the host."""
    monkeypatch.setattr(letting_in, "_FOLDER", str(tmp_path))
    monkeypatch.setattr(reloading, "at_work", lambda _: False)
    service = [{"name": "telegraf", "role": "telegraf", "reloads": "/(inputs|telegraf.nft)"}]
    assert place(tmp_path, name, services=service)["restarted"] == {"telegraf": []}
    assert steps(done) == ["start", "works"]


def test_a_host_that_is_shut_down_as_old_files_are_put_back_is_told_as_that(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_files.keep(str(tmp_path / "unfinished"), [str(tmp_path / "inputs")])

    def ends(*_: Any, **__: Any) -> None:
        raise services._stopping()

    monkeypatch.setattr(services, "start", ends)
    (tmp_path / "inputs").write_text("new")
    said = place(tmp_path, state="restored")
    assert said["failed"] and said["problem"] == "The host is being shut down."


def test_what_a_killed_run_has_left_in_an_exclusive_directory_is_swept(
    tmp_path: Path, done: Done
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".provision-half").write_text("a secret, half")
    directory = {"path": str(folder), "owner": USER, "group": GROUP, "mode": "0755"}
    for attempt in range(2):
        said = place(folder, "inputs", directories=[{**directory, "exclusive": True}])
        assert not said.get("failed"), said
        assert [path.name for path in folder.iterdir()] == ["inputs"]
        assert said["changed"] == (attempt == 0)


def test_where_systemd_cannot_be_asked_ahead_files_are_placed(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fail(unit: str) -> Any:
        asked.append(unit)
        if len(asked) == 1:
            raise OSError(24, "Too many open files")
        return subprocess.Popen(["true"], stdout=subprocess.PIPE, text=True)

    def check(_: Any, __: Any, ___: Any, meanwhile: Any) -> None:
        meanwhile()

    monkeypatch.setattr(units, "asked", fail)
    monkeypatch.setattr(trial, "check", check)
    tried = {"command": ["true"], "copies": [], "user": USER}
    assert place(tmp_path, "inputs", check=tried)["changed"]
    assert steps(done) == ["reload"]
    assert len(asked) == 2
