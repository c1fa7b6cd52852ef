"""What follows from the differences: the services that the roles restart or reload for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath

from ansible.module_utils.common.yaml import yaml_load

from comparing.differences import Difference
from comparing.manifest import Manifest

from ansible.module_utils.provision import letting_in, taking_up  # isort: skip

_ROLES = Path(__file__).resolve().parent.parent / "roles"
#: How many files a reason names.
_TOLD = 3


def polled(
    roles: Iterable[str],
    variables: Mapping[str, object],
    evaluate: Callable[[object], object] = str,
) -> dict[str, str]:
    """By role: the files that its service reads anew by itself, as a regular expression."""
    found = {role: of_role(role, "polled", variables, evaluate) for role in roles}
    return {role: str(expression) for role, expression in found.items() if expression}


def of_role(
    role: str,
    name: str,
    variables: Mapping[str, object],
    evaluate: Callable[[object], object] = str,
) -> object:
    """A variable of a role: that of the host, which may be a template, or the role's own default.

    None where the role has none. In variables, those of a role are only while it is at work.
    """
    name = f"{role}_{name}"
    return evaluate(variables[name]) if name in variables else _defaults(role).get(name)


@cache
def _defaults(role: str) -> dict[str, object]:
    path = _ROLES / role / "defaults" / "main.yml"
    return dict(yaml_load(path.read_text("utf-8"))) if path.is_file() else {}


def on_services(
    manifest: Manifest, found: Sequence[Difference], polled: Mapping[str, str]
) -> list[Difference]:
    """The running services that will be restarted or reloaded since their files differ.

    Where nothing differs but who may send to one, its rules are loaded, and it is left alone.

    That is what library/place_files.py decides from what it has placed; a restart that is
    a difference itself, or a start, is in found already.
    """
    told = []
    for service in manifest.services:
        mine = [each for each in found if each.role == service.role]
        actions = {each.action for each in mine if each.kind == "service"}
        if actions & {"start", "restart"}:
            continue
        still = polled.get(service.role)
        names = [
            each.name
            for each in mine
            if _places(each) and not (still and re.search(still, each.name))
        ]
        if not names:
            continue
        # One that does not start with the host is started anew as it is enabled.
        taken_up = not actions and taking_up.takes_up(service.reloads, names)
        kind, action = "service", "reload" if taken_up else "restart"
        if taken_up and letting_in.are_all(names, [service.name]):
            kind, action = "rules", "load"
        why = f"its configuration changes: {_few(names)}"
        told.append(Difference(service.role, kind, service.name, action, why))
    return told


def _places(difference: Difference) -> bool:
    """Whether place_files will write or remove this."""
    if difference.kind == "file":
        return difference.has_new_content
    return difference.kind == "absent"


def _few(paths: Sequence[str]) -> str:
    names = [PurePosixPath(path).name for path in paths]
    # Several may be called the same in several folders.
    names = [
        name if names.count(name) == 1 else "/".join(PurePosixPath(path).parts[-2:])
        for name, path in zip(names, paths, strict=True)
    ]
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")
