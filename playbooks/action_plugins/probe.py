"""Send a metric of our own with the module of the same name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comparing import actions


class ActionModule(actions.ModuleAction):
    """Takes the arguments that the module takes."""

    MODULE = "probe"
    _VALID_ARGS = frozenset({"probes"})
