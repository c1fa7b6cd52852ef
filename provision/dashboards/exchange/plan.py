"""What to do with each dashboard of a Grafana that someone else runs: decided here, done elsewhere.

What we save has a message with the fingerprint of what was generated. A dashboard whose newest
version has none was last saved by a person (or another program): that is not overwritten unasked.
The message stays with its version in every Grafana, whatever a newer one makes of the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from provision.dashboards.exchange.canonical import fingerprint, same
from provision.dashboards.exchange.differences import Difference, differences
from provision.grafana import Revision, Stored

# The dashboard over all applications; there is no application of that name.
OVERVIEW = "provision-overview"
OURS = "provision-"
_MESSAGE = "Imported by provision ({})"
_MARK = re.compile(r"Imported by provision \(([0-9a-f]{32})\)")


class Action(StrEnum):
    """What is to be done with a dashboard; the last three are not done unasked, or not at all."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    SAME = "same"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    PROVISIONED = "provisioned"


@dataclass(frozen=True)
class History:
    """Who wrote what there is: the newest version, our own newest, and that one's fingerprint.

    known is whether the versions could be seen at all; before is what our own newest version held,
    where it is not the newest of all.
    """

    known: bool = True
    newest: Revision | None = None
    our_version: int | None = None
    mark: str | None = None
    before: Mapping[str, Any] | None = None

    @property
    def ours(self) -> bool:
        """Whether the newest version is one that we wrote."""
        return self.newest is not None and self.newest.version == self.our_version


@dataclass(frozen=True)
class Step:
    """One dashboard, what is to be done with it, and why.

    changes are what would become otherwise in Grafana, theirs what people did after our last
    version (or, where there is none, what is otherwise than it would be generated).
    """

    uid: str
    title: str
    action: Action
    wanted: Mapping[str, Any] | None = None
    stored: Stored | None = None
    history: History = History()
    changes: tuple[Difference, ...] = ()
    theirs: tuple[Difference, ...] = ()
    move: bool = False


def message_for(dashboard: Mapping[str, Any]) -> str:
    """What we save a generated dashboard with."""
    return _MESSAGE.format(fingerprint(dashboard))


def history(revisions: Sequence[Revision] | None, stored: Stored) -> History:
    """Who wrote a dashboard, from its versions, the newest first; without what ours held."""
    if revisions is None:
        return History(known=False)
    newest = next((each for each in revisions if each.version == stored.version), None)
    for revision in revisions:
        found = _MARK.fullmatch(revision.message)
        if found:
            return History(True, newest, revision.version, found[1])
    return History(True, newest)


def decide(
    uid: str,
    wanted: Mapping[str, Any],
    stored: Stored | None,
    known: History,
    *,
    overwrite: bool = False,
    folder_uid: str | None = None,
) -> Step:
    """What an import does with one dashboard; folder_uid is where it must be, where that is said.

    folder_uid is "" for a folder that is still to be made, and for Grafana's General.
    """
    title = str(wanted.get("title", uid))
    if stored is None:
        return Step(uid, title, Action.CREATE, wanted)
    move = folder_uid is not None and stored.folder_uid != folder_uid
    unchanged = not stored.newer and (
        (known.ours and known.mark == fingerprint(wanted)) or same(stored.dashboard, wanted)
    )
    if unchanged and not move:
        return Step(uid, title, Action.SAME, wanted, stored, known)
    changes = () if stored.newer else tuple(differences(stored.dashboard, wanted))
    theirs = _theirs(stored, known, wanted)
    action = Action.UPDATE
    if stored.provisioned is not None:
        action = Action.PROVISIONED
    elif not (overwrite or unchanged or known.ours):
        untouched = known.before is not None and not stored.newer and not theirs
        if not untouched:  # such as one that was only put into another folder
            action = Action.CHANGED if known.known else Action.UNKNOWN
    return Step(uid, title, action, wanted, stored, known, changes, theirs, move)


def decide_prune(stored: Stored, known: History, *, changed: bool = False) -> Step | None:
    """What pruning does with a dashboard that no catalog has; None where it isn't provably ours."""
    if not stored.uid.startswith(OURS) or known.our_version is None:
        return None
    theirs = () if known.ours else _theirs(stored, known, stored.dashboard)
    action = Action.REMOVE
    if stored.provisioned is not None:
        action = Action.PROVISIONED
    elif not (known.ours or changed or (known.before is not None and not theirs)):
        action = Action.CHANGED
    return Step(stored.uid, stored.title, action, None, stored, known, (), theirs)


def _theirs(stored: Stored, known: History, wanted: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What people changed."""
    if known.ours:
        return ()
    if stored.newer:
        what = "saved in the browser in the newer model (v2), which cannot be compared"
        return (Difference("dashboard", what),)
    return tuple(differences(known.before or wanted, stored.dashboard))


def running_datasource(dashboard: Mapping[str, Any]) -> str | None:
    """The uid of the datasource that a dashboard of ours has chosen."""
    templating = dashboard.get("templating")
    variables = templating.get("list") if isinstance(templating, Mapping) else None
    for variable in variables or ():
        if variable.get("type") == "datasource" and variable.get("name") == "datasource":
            value = (variable.get("current") or {}).get("value")
            return value if isinstance(value, str) and value else None
    return None
