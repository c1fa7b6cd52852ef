"""Options that several modules have."""

from __future__ import annotations

from typing import Any, Dict

_FILE = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "mode": {"type": "str", "required": True},
}
_SECRET = {"type": "str", "required": True, "no_log": True}
_CHECK = {
    "command": {"type": "list", "elements": "str", "required": True},
    "copies": {"type": "list", "elements": "path", "required": True},
    "environment": {"type": "path"},
    "variables": {"type": "dict", "default": {}},
    "rooted": {"type": "list", "elements": "path"},
    "user": {"type": "str", "required": True},
}
_LOGIN = {
    "server": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "authorization": _SECRET,
    "ca": {"type": "str"},
}
#: Of the modules that place files, those that say which.
PLACED: Dict[str, Any] = {
    "unfinished": {"type": "path"},
    "keep": {"type": "bool", "default": True},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": dict(_FILE, content=_SECRET, digest={"type": "str", "required": True}),
    },
    "directories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": dict(_FILE, exclusive={"type": "bool", "default": False}),
    },
    "absent": {"type": "list", "elements": "path", "default": []},
    "check": {"type": "dict", "options": _CHECK},
    "record": {"type": "dict"},
    "recheck": {"type": "bool", "default": False},
    "credentials": {"type": "list", "elements": "path", "default": [], "no_log": False},
    "logins": {"type": "list", "elements": "dict", "default": [], "options": _LOGIN},
}
#: Of the modules that start services, or only wait for them.
WORKING: Dict[str, Any] = {
    "services": {"type": "list", "elements": "dict", "default": []},
    "timeout": {"type": "float", "default": 60},
    "stable_seconds": {"type": "float", "default": 0},
}
