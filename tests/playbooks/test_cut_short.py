"""The swap of a role's files, killed (SIGKILL) at each thing that it does to the file system."""

from __future__ import annotations

import base64
import grp
import importlib.util
import json
import os
import pwd
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ansible.module_utils import basic
from ansible.module_utils.provision import old_files, swap

from tests.playbooks.conftest import PLAYBOOKS

_spec = importlib.util.spec_from_file_location(
    "place_files", PLAYBOOKS / "library" / "place_files.py"
)
assert _spec is not None and _spec.loader is not None
module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(module)

OWNER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name
# What changes a file system, or is about to, among the audit events of CPython.
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown",
          "shutil.rmtree", "shutil.copyfile", "tempfile.mkstemp", "os.symlink")  # fmt: skip


def entries(etc: Path, word: str) -> list[swap.Entry]:
    return [
        swap.Entry(str(etc / name), OWNER, GROUP, 0o640, (f"{name} {word}\n" * 50).encode())
        for name in ("main.conf", "conf.d/one.conf", "conf.d/two.conf")
    ]


def run_module(etc: Path, unfinished: Path, word: str) -> None:
    """The module place_files itself, in this process, which it ends."""
    files = [
        {"path": each.path, "owner": each.owner, "group": each.group, "mode": "0640",
         "content": base64.b64encode(each.content or b"").decode(), "digest": "ab"}
        for each in entries(etc, word)
    ]  # fmt: skip
    arguments = {
        "files": files, "absent": [str(etc / "gone.conf")], "unfinished": str(unfinished)
    }  # fmt: skip
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    module.main()


def place(etc: Path, unfinished: Path, word: str) -> None:
    assert not killed_at(0, etc.parent, lambda: run_module(etc, unfinished, word))


def killed_at(number: int, where: Path, what: Callable[[], object]) -> bool:
    """Do it in a process that kills itself at the event of that number; whether it came to it."""
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in EVENTS and any(str(where) in str(each) for each in arguments):
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            what()
        except SystemExit as stop:
            os._exit(int(stop.code or 0))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def fresh(base: Path) -> tuple[Path, Path]:
    etc, unfinished = base / "etc", base / "run" / "telegraf"
    (etc / "conf.d").mkdir(parents=True)
    unfinished.parent.mkdir()
    for entry in entries(etc, "old"):
        entry.write()
    (etc / "gone.conf").write_text("gone old\n")
    return etc, unfinished


def texts(etc: Path) -> dict[str, str]:
    return {str(p.relative_to(etc)): p.read_text() for p in etc.rglob("*") if p.is_file()}


def test_no_file_is_half_and_the_next_run_completes_and_sweeps(tmp_path: Path) -> None:
    number, cut = 0, True
    while cut:
        number += 1
        etc, unfinished = fresh(tmp_path / str(number))
        old = texts(etc)
        cut = killed_at(number, tmp_path, partial(run_module, etc, unfinished, "new"))
        seen = texts(etc)
        for entry in entries(etc, "new"):
            name = str(Path(entry.path).relative_to(etc))
            assert seen[name] in (old[name], entry.content.decode()), (number, name)
        changed = {name: text for name, text in old.items() if seen.get(name) != text}
        assert not changed or unfinished.is_dir(), f"{number}: nobody knows of the change"
        place(etc, unfinished, "new")
        wanted = {name: text.replace("old", "new") for name, text in old.items()}
        wanted.pop("gone.conf")
        assert texts(etc) == wanted, f"{number}: what is there now"
        assert sorted(old_files.restore(str(unfinished))), number
        assert texts(etc) == old, f"{number}: the way back"
    assert number > 20, "it was killed at many points"


def test_going_back_can_be_killed_as_well(tmp_path: Path) -> None:
    number, cut = 0, True
    while cut:
        number += 1
        etc, unfinished = fresh(tmp_path / str(number))
        old = texts(etc)
        place(etc, unfinished, "new")
        cut = killed_at(number, tmp_path, partial(old_files.restore, str(unfinished)))
        if unfinished.is_dir() and old_files.restore(str(unfinished)):
            assert texts(etc) == old, f"{number}: the way back"
        else:
            assert set(texts(etc).items()) >= set(old.items()), number
    assert number > 5
