"""Files that tests place, and what they need of the machine."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest
from ansible.module_utils.provision import swap

USER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


def entry(path: Path, text: str, mode: int = 0o640) -> swap.Entry:
    return swap.Entry(str(path), USER, GROUP, mode, text.encode())


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="lacks root, which a mount needs")
