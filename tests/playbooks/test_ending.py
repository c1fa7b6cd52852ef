"""A task's process does not outlive an Ansible that was killed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from comparing import ending

ANSIBLE = """
import multiprocessing, os, sys, time
from comparing import ending

def task():
    os.setsid()
    {begin}
    print(os.getpid(), flush=True)
    time.sleep(60)

multiprocessing.get_context("fork").Process(target=task).start()
time.sleep(60)
"""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("begin", "outlives"), [("ending.end_with_ansible()", False), ("", True)])
def test_a_task_ends_with_ansible(begin: str, outlives: bool) -> None:
    folder = Path(ending.__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", ANSIBLE.format(begin=begin)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(folder)},
        text=True,
    )
    assert process.stdout
    task = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        deadline = time.monotonic() + (1 if outlives else 20)
        while runs(task) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert runs(task) is outlives
    finally:
        if runs(task):
            os.kill(task, signal.SIGKILL)


def test_a_process_that_nobody_forked_is_left_as_it_is() -> None:
    ending.end_with_ansible()
    number = ctypes.c_int(-1)
    ctypes.CDLL(None).prctl(2, ctypes.byref(number))  # PR_GET_PDEATHSIG
    assert number.value == 0
