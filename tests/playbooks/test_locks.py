from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible.module_utils.provision import locks

HOLD = """
import fcntl, sys
lock = open(sys.argv[1], "w"); fcntl.lockf(lock, fcntl.LOCK_EX); print("held", flush=True)
sys.stdin.read()
"""


def test_who_holds_a_lock_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert locks.holders([str(path)]) == []
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        (holder,) = locks.holders([str(path), str(tmp_path / "other")])
        assert holder.pid == process.pid
        assert f"(pid {process.pid}" in str(holder) and "running for " in str(holder)
        process.stdin.close()
    assert locks.holders([str(path)]) == []


def test_who_has_a_file_open_does_not_hold_its_lock(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w"):
        assert locks.holders([str(tmp_path / "lock")]) == []


def test_a_process_that_is_gone_is_nobody() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert locks.describe(child) is None
