from __future__ import annotations

import sys
from pathlib import Path

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
for folder in (str(PLAYBOOKS), str(Path(__file__).parent)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import comparing  # noqa: E402, F401 - lets ansible.module_utils find ours
