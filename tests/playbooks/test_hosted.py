"""Our modules as programs: each is run here by a Python that knows nothing of Ansible."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from comparing import hosted, script

from tests.playbooks.conftest import PLAYBOOKS

SENT = ("converge_state", "packages", "place_files", "probe", "take_away")


def run(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """What this machine's Python makes of a program, without what is installed beside it."""
    argv = [sys.executable, *hosted.PYTHON.split()[1:]]
    return subprocess.run(argv, input=text, capture_output=True, text=True, cwd=directory)


def file(path: Path, content: str) -> dict[str, Any]:
    owner, group = path.parent.owner(), path.parent.group()
    encoded = base64.b64encode(content.encode()).decode()
    return {
        "path": str(path),
        "owner": owner,
        "group": group,
        "mode": "0600",
        "content": encoded,
        "digest": "ab",
    }


@pytest.mark.parametrize("name", SENT)
def test_a_module_finds_all_that_it_imports(name: str, tmp_path: Path) -> None:
    done = run(hosted.program(name, {"nonsense": 1}, check=True), tmp_path)
    said = hosted.answer(done.stdout)
    assert said, done.stderr
    assert said["failed"]
    assert "nonsense" in said["msg"]


def test_nothing_is_imported_from_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A json.py in root's home directory, or on a PYTHONPATH."""
    for folder in ("home", "path"):
        (tmp_path / folder).mkdir()
        for name in ("json", "re", "subprocess", "sitecustomize"):
            (tmp_path / folder / f"{name}.py").write_text("raise SystemExit('not this one')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    done = run(hosted.program("place_files", {"nonsense": 1}, check=True), tmp_path / "home")
    said = hosted.answer(done.stdout)
    assert said and "nonsense" in said["msg"], done.stderr
    (start, *program) = script.state_check([])
    text = "\n".join([start, *program])
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, cwd=tmp_path / "home")
    assert done.stdout == "[]\n", done.stderr


def test_every_module_of_ours_with_an_action_is_sent_so() -> None:
    """They are all that there are."""
    both = {p.stem for p in (PLAYBOOKS / "library").glob("*.py")} & {
        p.stem for p in (PLAYBOOKS / "action_plugins").glob("*.py")
    }
    assert both == set(SENT)


def test_it_does_its_work_and_answers_behind_whatever_else_is_printed(tmp_path: Path) -> None:
    text = "it's \"quoted\" \\ \n ü \u2028 \U0001f600 {{ x }} '''"
    arguments = {"files": [file(tmp_path / "a'b", text)]}
    done = run(hosted.program("place_files", arguments, check=False), tmp_path)
    said = hosted.answer(f"Welcome!\n{{}}\n{done.stdout}\nbye\n")
    assert said is not None
    assert said["changed"], done.stderr
    assert (tmp_path / "a'b").read_text() == text


def test_in_check_mode_nothing_is_changed(tmp_path: Path) -> None:
    arguments = {"files": [file(tmp_path / "a", "x")]}
    said = hosted.answer(run(hosted.program("place_files", arguments, check=True), tmp_path).stdout)
    assert said is not None
    assert said["changed"]
    assert not (tmp_path / "a").exists()


def test_a_module_that_breaks_says_where(tmp_path: Path) -> None:
    arguments = {"files": [{**file(tmp_path / "a", "x"), "mode": "rwx"}]}
    done = run(hosted.program("place_files", arguments, check=False), tmp_path)
    said = hosted.answer(done.stdout)
    assert said is not None
    assert said["failed"]
    assert "rwx" in said["msg"]
    assert "place_files.py" in said["exception"]


def test_what_says_nothing_has_no_answer(tmp_path: Path) -> None:
    assert hosted.answer("") is None
    assert hosted.answer("Killed\n") is None


def test_an_answer_that_is_cut_off_is_none(tmp_path: Path) -> None:
    arguments = {"files": [file(tmp_path / "a", "x")]}
    whole = run(hosted.program("place_files", arguments, check=True), tmp_path).stdout
    assert hosted.answer(whole) is not None
    assert hosted.answer(whole[: len(whole) // 2]) is None


def test_values_that_ansible_knows_more_of_are_sent_as_plain_ones(tmp_path: Path) -> None:
    class Word(str):
        """As Ansible's own texts, which know where they are from."""

    program = hosted.program("place_files", {"absent": (Word(tmp_path / "gone"),)}, check=False)
    (tmp_path / "gone").write_text("x")
    said = hosted.answer(run(program, tmp_path).stdout)
    assert said is not None
    assert said["changed"]
    assert not os.path.lexists(tmp_path / "gone")
    json.dumps(said)
