"""`provision dashboards prune`: remove dashboards of ours whose catalog is gone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from provision.commands.dashboards_running import (
    Generated,
    by_whom,
    explained,
    look_up,
    read_only,
    show_differences,
)
from provision.dashboards.exchange.plan import OURS, Action, Step, decide_prune
from provision.dashboards.exchange.portable import keep
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.grafana import Grafana, GrafanaRefused
from provision.output import out, show_error, shown


def prune(
    *,
    grafana: Grafana,
    catalogs: Path | None,
    apps: Sequence[str],
    changed: bool,
    dry_run: bool,
    yes: bool,
    backups: Path,
) -> int:
    """Remove them; exit status 1 where one is left that a person changed or Grafana keeps.

    apps are those whose catalogs are gone, and no others then.
    """
    steps = _orphans(grafana, catalogs, apps, changed)
    if not steps:
        out.print("nothing to remove: every dashboard that provision wrote has its catalog")
        return EXIT_OK
    for step in steps:
        _show(grafana, step)
    doomed = [step for step in steps if step.action is Action.REMOVE]
    failed = len(doomed) < len(steps)
    if doomed and not dry_run:
        _confirm(doomed, grafana.url, yes)
        for step in doomed:
            failed |= not _remove(grafana, step, backups)
    return EXIT_ERROR if failed else EXIT_OK


def _orphans(
    grafana: Grafana, catalogs: Path | None, apps: Sequence[str], changed: bool
) -> list[Step]:
    wanted = set(Generated(catalogs).uids())
    # Of an application without a catalog nothing is known but how uids are made.
    named = {f"{OURS}{app.removeprefix(OURS)}"[:40] for app in apps}
    if alive := sorted(named & wanted):
        raise ProvisionError(f"{', '.join(alive)}: still has its catalog, and is not removed")
    steps = []
    there = grafana.search("dash-db")
    if named and not named & {str(row["uid"]) for row in there}:
        raise ProvisionError(
            f"{', '.join(apps)}: no such dashboard at {grafana.url}",
            remedy="see the names: provision dashboards prune --dry-run",
        )
    for row in there:
        uid = str(row["uid"])
        if not uid.startswith(OURS) or uid in wanted or (named and uid not in named):
            continue
        stored = grafana.stored(uid)
        if stored is None:
            continue  # somebody removed it meanwhile
        known = look_up(grafana, stored)
        if not known.known:
            raise ProvisionError(
                f"dashboard {row['title']!r} at {grafana.url}: this login may not see who wrote it",
                remedy="give it the role Editor; nothing was removed",
            )
        step = decide_prune(stored, known, changed=changed)
        if step is None:
            out.print(f"not ours   {shown(row['title'])} ({shown(uid)}): no version of provision's")
        else:
            steps.append(step)
    return steps


def _show(grafana: Grafana, step: Step) -> None:
    name = f"{shown(step.title)} ({shown(step.uid)})"
    if step.action is Action.REMOVE:
        out.print(f"to remove  {name}")
        show_differences(step.theirs)
    elif step.action is Action.PROVISIONED and step.stored:
        show_error(read_only(step.title, step.stored.provisioned or "a file", grafana.url))
    else:
        out.print(f"left alone {name}: changed ({shown(by_whom(step))}); then → now:")
        show_differences(step.theirs)
        show_error(
            ProvisionError(
                f"dashboard {step.title!r} at {grafana.url} is left as people have it",
                remedy="--changed removes it, too, after a backup",
            )
        )


def _confirm(doomed: Sequence[Step], url: str, yes: bool) -> None:
    """Ask a person: catalogs of another directory, or another site's, would look gone, too."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ProvisionError(
            f"nobody is there to say whether {len(doomed)} dashboards of {url} are to be removed",
            remedy="--yes says so; --dry-run shows them",
        )
    click.confirm(f"Remove {len(doomed)} from {url}?", abort=True, err=True)


def _remove(grafana: Grafana, step: Step, backups: Path) -> bool:
    """Remove one, after a backup, if it is still as it was shown."""
    stored = grafana.stored(step.uid)
    if stored is None:
        return True
    if step.stored is None or stored.version != step.stored.version:
        show_error(
            ProvisionError(
                f"dashboard {step.title!r} at {grafana.url}: someone changed it in this very"
                " moment; it is left as it is",
                remedy="run the command again",
            )
        )
        return False
    kept = keep(stored, backups, grafana.url)
    try:
        grafana.delete(step.uid)
    except GrafanaRefused as error:
        if error.status == 404:
            return True
        if error.status == 401:
            raise
        show_error(explained(error, step.title, stored.folder_title, grafana.url))
        return False
    out.print(f"removed    {shown(step.title)} ({shown(step.uid)})")
    out.print(f"    before: {shown(kept)}")
    return True
