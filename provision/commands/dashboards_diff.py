"""`provision dashboards diff`: what a running Grafana has otherwise than it would be generated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from provision.commands.dashboards_running import (
    Generated,
    by_whom,
    look_up,
    show_differences,
)
from provision.dashboards.exchange.differences import Difference, differences
from provision.dashboards.exchange.plan import Action, Step, decide, running_datasource
from provision.dashboards.render import DATASOURCE_UID
from provision.errors import EXIT_ERROR, EXIT_OK
from provision.grafana import Grafana
from provision.output import out, shown


def diff(*, grafana: Grafana, catalogs: Path | None, apps: Sequence[str], as_json: bool) -> int:
    """Tell every difference; exit status 1 where there is one."""
    generated = Generated(catalogs)
    steps = []
    for uid in generated.uids(apps):
        stored = grafana.stored(uid)
        # Whichever datasource it asks there is the site's own choice.
        chosen = running_datasource(stored.dashboard) if stored else None
        wanted = generated.dashboards(chosen or DATASOURCE_UID)[uid]
        steps.append(decide(uid, wanted, stored, look_up(grafana, stored), overwrite=True))
    if as_json:
        rows = [_as_data(step) for step in steps]
        print(json.dumps({"dashboards": rows}, indent=2, ensure_ascii=False))  # noqa: T201
    else:
        for step in steps:
            _show(step)
    return EXIT_OK if all(step.action is Action.SAME for step in steps) else EXIT_ERROR


def _found(step: Step) -> tuple[Difference, ...]:
    """From what is generated to what is there."""
    if step.stored is None or step.wanted is None:
        return ()
    if step.stored.newer:
        return step.theirs
    return tuple(differences(step.wanted, step.stored.dashboard))


def _status(step: Step) -> str:
    if step.action is Action.CREATE:
        return "missing"
    return "same" if step.action is Action.SAME else "different"


def _show(step: Step) -> None:
    name = f"{shown(step.title)} ({shown(step.uid)})"
    if _status(step) != "different":
        out.print(f"{name}: {'same' if step.stored else 'not in this Grafana'}")
        return
    who = "generated otherwise since" if step.history.ours else "changed"
    out.print(f"{name}: {who} ({shown(by_whom(step))}); generated → there:")
    show_differences(_found(step))
    if step.stored and step.stored.provisioned is not None:
        out.print("  it comes from a file: what a site has of its own, `provision plan` compares")


def _as_data(step: Step) -> dict[str, Any]:
    newest = step.history.newest
    return {
        "uid": step.uid,
        "title": step.title,
        "status": _status(step),
        "version": step.stored.version if step.stored else None,
        "by": newest.by if newest else None,
        "written_by_provision": step.history.ours if step.history.known else None,
        "provisioned": bool(step.stored and step.stored.provisioned is not None),
        "differences": [each.as_json() for each in _found(step)],
    }
