"""Modules of this project as programs for the host's Python, which come over its standard input.

Ansible packs a module with all that AnsibleModule imports: some forty files, which each task writes
to the host's disk, unpacks and compiles. By the profile of a first run that was a quarter of the
host's processor. A module that is sent so has what it imports of ours, and
ansible.module_utils.provision.plain_module in the place of ansible.module_utils.basic.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

#: The host's Python, which runs what comes over its standard input. Nothing of the user's counts:
#: by itself it would import a json.py that lies in the home directory, as root. What is installed
#: beside Python's own library is not needed (-S), and takes 4 ms to be found.
PYTHON = "python3 -I -S -"

_PLAYBOOKS = Path(__file__).resolve().parent.parent
_UTILS = _PLAYBOOKS / "module_utils" / "provision"
_ANSIBLE = "ansible"
_MODULE_UTILS = f"{_ANSIBLE}.module_utils"
_PACKAGE = f"{_MODULE_UTILS}.provision"
_BASIC = f"{_MODULE_UTILS}.basic"
_STAND_IN = "plain_module"
_IMPORTS = re.compile(
    rf"^ *from {re.escape(_PACKAGE)}(?:\.(\w+) import|\s+import (\([^)]*\)|[^\n#]*))", re.MULTILINE
)
_NAME = re.compile(r"\w+")


@cache
def library(*names: str) -> str:
    """The beginning of a program: our module_utils of these names, and what they import of ours.

    Each is compiled as it is imported, as any module is.
    """
    texts: dict[str, str] = {}
    for name in names:
        _gather(name, texts)
    packages = dict.fromkeys((_ANSIBLE, _MODULE_UTILS, _PACKAGE), "")
    modules = {
        _BASIC if name == _STAND_IN else f"{_PACKAGE}.{name}": text for name, text in texts.items()
    }
    return f"""\
import json, sys
class Ours:
    texts = json.loads({json.dumps(packages | modules)!r})
    def find_spec(self, name, path=None, target=None):
        if name in self.texts:
            return type(sys.__spec__)(name, self, is_package=not self.texts[name])
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(self.texts[name], name, "exec"), module.__dict__)
sys.meta_path.insert(0, Ours())
"""


def program(name: str, arguments: Mapping[str, Any], *, check: bool) -> str:
    """The module of a name in library/, with its arguments."""
    text = (_PLAYBOOKS / "library" / f"{name}.py").read_text("utf-8")
    given = json.dumps({"arguments": _plain(arguments), "check": check})
    return f"""\
{library(_STAND_IN, *_imported(text))}
import os
from ansible.module_utils import basic
basic.GIVEN = json.loads({given!r})
status = 0
try:
    exec(compile({text!a}, "{name}.py", "exec"), {{"__name__": "__main__"}})
except SystemExit as end:
    status = end.code
except Exception as error:
    import traceback
    frames = traceback.format_exc()
    basic.say({{"failed": True, "msg": "Module failed: %s" % error, "exception": frames}})
sys.stdout.flush()
os._exit(status)  # all is said and done: to tidy up takes Python longer
"""


def answer(stdout: str) -> dict[str, Any] | None:
    """What a module has answered, of all that was printed; None where it has not."""
    from ansible.module_utils.provision.plain_module import MARK

    for line in reversed(stdout.splitlines()):
        if line.startswith(MARK):
            with contextlib.suppress(ValueError):  # it is cut off
                said = json.loads(line.removeprefix(MARK))
                return said if isinstance(said, dict) else None
    return None


def _plain(value: Any) -> Any:
    """Ansible's values as plain ones: its own look up what is a template as they are asked."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _gather(name: str, texts: dict[str, str]) -> None:
    """Put a module's text behind those of what it imports."""
    if name in texts:
        return
    text = (_UTILS / f"{name}.py").read_text("utf-8")
    for each in _imported(text):
        _gather(each, texts)
    texts[name] = text


def _imported(text: str) -> list[str]:
    """The names of our module_utils that a module imports."""
    found: list[str] = []
    for one, several in _IMPORTS.findall(text):
        found += [one] if one else _NAME.findall(several.replace(" as ", " "))
    return found
