from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from provision.paths import PLAYBOOKS
from provision.run.environment import playbook_environment


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
