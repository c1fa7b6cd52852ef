"""The program that is rendered for /usr/local/lib/provision/telegraf-buffer, as a module."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from provision.paths import TEMPLATES

PROGRAM = TEMPLATES / "telegraf/usr/local/lib/provision/telegraf_buffer.py"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("telegraf_buffer", PROGRAM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # No folder of bytecode among what is rendered.
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = wrote
    return module


telegraf_buffer = _loaded()
