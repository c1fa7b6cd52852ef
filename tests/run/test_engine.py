from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.paths import PLAYBOOKS
from provision.run import engine as engines
from provision.run.engine import Engine, playbook_environment


def test_an_operators_configuration_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\nforks = 7\ncallbacks_enabled = timer\n")
    monkeypatch.chdir(tmp_path)
    base = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    made = playbook_environment(base, verbose=False)
    argv = [sys.executable, "-m", "ansible", "config", "dump", "--only-changed"]
    dump = subprocess.run(argv, env=made, capture_output=True, text=True, check=True).stdout
    assert re.search(r"DEFAULT_FORKS\(.*ansible.cfg\) = 7", dump)


def test_without_one_ours_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = playbook_environment({"HOME": str(tmp_path)}, verbose=False)
    assert made["ANSIBLE_CONFIG"] == str(PLAYBOOKS / "ansible.cfg")


@pytest.fixture(params=[False, True], ids=["anew", "fork"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = Engine(shown=False, fork=request.param)
    yield made
    made.close()


def test_it_is_told_what_to_run_and_handed_descriptors(engine: Engine) -> None:
    reading, writing = os.pipe()
    engine.run(["--version"], {"ANSIBLE_NOCOLOR": "1"}, {engines.FIRST: writing})
    os.close(writing)
    assert engine.process.wait() == 0
    assert "ansible-playbook [core" in engine.printed()
    assert os.read(reading, 1) == b"", "somebody still holds the other end"
    os.close(reading)


def test_it_ends_with_what_ansible_ends_with(engine: Engine) -> None:
    engine.run(["--no-such-option"], {}, {})
    assert engine.process.wait() == 2
    assert "usage: ansible-playbook" in engine.printed()


def test_it_ends_where_nothing_comes(engine: Engine) -> None:
    engine._socket.close()
    assert engine.process.wait() == 0
    assert engine.printed() == ""


def test_one_that_has_ended_says_why(engine: Engine) -> None:
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.process.wait()
    engine.run(["--version"], {}, {})
    assert engine.process.wait() == -9


def test_one_that_breaks_says_how() -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    assert engines.Fork(broken).wait() == 1


def test_one_that_is_not_needed_is_ended(engine: Engine) -> None:
    engine.close()
    assert engine.process.returncode is not None
    assert not Path(f"/proc/{engine.process.pid}").exists()


# Of a process of its own: this one has loaded Ansible already.
PREPARED = """\
import os, sys, threading
from pathlib import Path
from provision.run import engine as engines
engines.prepare()
engines.prepare()
from provision.fleet import read_fleet
if sys.argv[2] == "thread":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
read_fleet(["-i", sys.argv[1]])
ready = [*engines._prepared]
if sys.argv[2] == "elsewhere":
    os.chdir("/")  # where another ansible.cfg may be
taken = engines.engine(shown=False)
forked = isinstance(taken.process, engines.Fork)
print(len(ready), taken in ready, forked, [each.process.poll() is None for each in ready])
taken.run(["--version"], {}, {})
assert taken.process.wait() == 0, taken.printed()
assert f"config file = {os.environ['ANSIBLE_CONFIG']}" in taken.printed()
taken.close()
"""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("as it is", "1 True True [True]"),
        ("elsewhere", "1 False False [False]"),
        ("thread", "0 False False []"),
    ],
)
def test_a_fork_is_made_once_the_site_is_read(how: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: {m.example.org: {}}}\n")
    base = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", PREPARED, str(tmp_path / "inventory.yml"), how],
        env={**base, "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == f"{told}\n", done.stderr
    assert done.stderr == ""


def test_what_lies_beside_the_operator_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ansible.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    engine = Engine(shown=False)
    engine.run(["--version"], {}, {})
    assert engine.process.wait() == 0, engine.printed()
    engine.close()
