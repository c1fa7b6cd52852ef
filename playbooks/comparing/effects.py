"""What follows from the differences: the services that the roles restart or reload for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ansible.module_utils.common.yaml import yaml_load

from comparing.differences import Difference
from comparing.manifest import Manifest

_ROLES = Path(__file__).resolve().parent.parent / "roles"
#: What these begin with is all that place_files takes for a change of content; owners and modes
#: are set without a restart.
_NEW_CONTENT = ("its content", "it is missing", "it is no ordinary", "its secret")
#: How many files a reason names.
_TOLD = 3


class TakenUp(NamedTuple):
    """The files that a role's service takes up while it runs, as regular expressions.

    Those that are polled it reads anew by itself, those that are reloaded when it is told to.
    """

    polled: str = "^$"
    reloaded: str = "^$"

    def runs_on(self, path: str) -> bool:
        """Whether the service need not be started again for a new file."""
        return bool(re.search(self.polled, path) or re.search(self.reloaded, path))


def taken_up(roles: Iterable[str], variables: Mapping[str, object]) -> dict[str, TakenUp]:
    """By role, as the role itself goes by: its defaults, or variables of the host.

    They are service_polled and service_reloaded of roles/service.
    """
    found = {}
    for role in roles:
        ways = {way: f"{role}_{way}" for way in TakenUp._fields}
        known = {**_defaults(role), **variables}
        found[role] = TakenUp(
            **{way: str(known[name]) for way, name in ways.items() if name in known}
        )
    return found


@cache
def _defaults(role: str) -> dict[str, object]:
    path = _ROLES / role / "defaults" / "main.yml"
    return dict(yaml_load(path.read_text("utf-8"))) if path.is_file() else {}


def on_services(
    manifest: Manifest, found: Sequence[Difference], taken: Mapping[str, TakenUp]
) -> list[Difference]:
    """The running services that will be restarted or reloaded since their files differ.

    That is what library/place_files.py decides from what it has placed; a restart that is
    a difference itself, or a start, is in found already.
    """
    told = []
    for service in manifest.services:
        mine = [each for each in found if each.role == service.role]
        if any(each.kind == "service" and each.action in ("start", "restart") for each in mine):
            continue
        of_role = taken.get(service.role, TakenUp())
        names = [
            each.name for each in mine if _places(each) and not re.search(of_role.polled, each.name)
        ]
        if names:
            action = "reload" if all(map(of_role.runs_on, names)) else "restart"
            why = f"its configuration changes: {_few(names)}"
            told.append(Difference(service.role, "service", service.name, action, why))
    return told


def _places(difference: Difference) -> bool:
    """Whether place_files will write or remove this."""
    if difference.kind == "file":
        return difference.why.startswith(_NEW_CONTENT)
    return difference.kind == "absent"


def _few(paths: Sequence[str]) -> str:
    names = [PurePosixPath(path).name for path in paths]
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")
