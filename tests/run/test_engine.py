from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from provision.fleet import read_fleet
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


def test_it_is_told_what_to_run_and_handed_descriptors() -> None:
    reading, writing = os.pipe()
    engine = Engine(shown=False)
    engine.run(["--version"], {"ANSIBLE_NOCOLOR": "1"}, {engines.FIRST: writing})
    os.close(writing)
    assert engine.process.wait() == 0
    assert "ansible-playbook [core" in engine.printed()
    assert os.read(reading, 1) == b"", "somebody still holds the other end"
    os.close(reading)
    engine.close()


def test_it_ends_with_what_ansible_ends_with() -> None:
    engine = Engine(shown=False)
    engine.run(["--no-such-option"], {}, {})
    assert engine.process.wait() == 2
    assert "usage: ansible-playbook" in engine.printed()
    engine.close()


def test_it_ends_where_nothing_comes() -> None:
    engine = Engine(shown=False)
    engine._socket.close()
    assert engine.process.wait(timeout=30) == 0
    assert engine.printed() == ""
    engine.close()


def test_one_that_has_ended_says_why() -> None:
    engine = Engine(shown=False)
    engine.process.kill()
    engine.process.wait()
    engine.run(["--version"], {}, {})
    assert engine.process.wait() == -9
    engine.close()


def test_what_was_prepared_for_something_else_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_prepared", [])
    engines.prepare()
    (ready,) = engines._prepared
    engines.prepare()
    taken = engines.engine(shown=False)
    assert taken is ready
    taken.close()
    engines.prepare()
    (ready,) = engines._prepared
    monkeypatch.chdir(tmp_path)  # another ansible.cfg may be here
    other = engines.engine(shown=False)
    assert other is not ready
    assert ready.process.returncode is not None
    other.close()


def test_what_was_prepared_is_taken_after_the_site_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_prepared", [])
    monkeypatch.delenv("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", raising=False)
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("monitor: {hosts: {m.example.org: {}}}\n")
    engines.prepare()
    (ready,) = engines._prepared
    read_fleet(["-i", str(inventory)])
    taken = engines.engine(shown=False)
    assert taken is ready
    taken.close()


def test_what_lies_beside_the_operator_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ansible.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    engine = Engine(shown=False)
    engine.run(["--version"], {}, {})
    assert engine.process.wait() == 0, engine.printed()
    engine.close()
