"""`provision dashboards import`: put the dashboards into a Grafana that someone else runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.commands.dashboards_running import (
    Generated,
    by_whom,
    explained,
    look_up,
    read_only,
    show_differences,
)
from provision.dashboards.exchange import datasource as sources
from provision.dashboards.exchange.plan import Action, Step, decide, message_for
from provision.dashboards.exchange.portable import keep, read_dashboard, resolved
from provision.dashboards.render import DATASOURCE_UID, FOLDER
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.grafana import Grafana, GrafanaRefused
from provision.output import note, out, show_error, shown

# Grafana's own name for where a dashboard is that is in no folder.
GENERAL = "General"


@dataclass(frozen=True)
class Folder:
    """Where dashboards go: uid None says that the folder is still to be made."""

    title: str
    uid: str | None


def import_(
    *,
    grafana: Grafana,
    catalogs: Path | None,
    apps: Sequence[str],
    files: Sequence[Path],
    folder: str | None,
    datasource: str | None,
    create: sources.Wanted | None,
    overwrite: bool,
    dry_run: bool,
    backups: Path,
) -> int:
    """Save what is new or changed; exit status 1 where a dashboard was left as a person has it."""
    # All that can be wrong without Grafana is told before it is asked.
    generated = Generated(catalogs)
    uids = generated.uids(apps)
    read = [read_dashboard(path) for path in files]
    source = _datasource(grafana, datasource, create, dry_run)
    if files:
        wanted = {str(each["uid"]): resolved(each, source) for each in read}
    else:
        made = generated.dashboards(source)
        wanted = {uid: made[uid] for uid in uids}
    place = find_folder(grafana, folder or FOLDER)
    steps = []
    for uid, dashboard in wanted.items():
        stored = grafana.stored(uid)
        steps.append(
            decide(
                uid,
                dashboard,
                stored,
                look_up(grafana, stored),
                overwrite=overwrite,
                # Where nobody says a folder, a dashboard stays where people have put it.
                folder_uid=None if folder is None else place.uid or "",
            )
        )
    if not dry_run:
        place = _made(grafana, place, steps)
    done: Counter[str] = Counter()
    for step in steps:
        done[_do(grafana, step, place, folder is not None, dry_run, backups, marked=not files)] += 1
    parts = [f"{count} {what}" for what, count in done.items()]
    out.print(f"{', '.join(parts) or 'nothing to import'}{' (dry run)' if dry_run else ''}")
    return EXIT_ERROR if done["left alone"] else EXIT_OK


def _datasource(
    grafana: Grafana, chosen: str | None, create: sources.Wanted | None, dry_run: bool
) -> str:
    """The uid of the datasource, made where that is asked for."""
    known = grafana.datasources()
    if create is not None:
        there = sources.existing(known, create, grafana.url)
        if there is None:
            if not dry_run:
                _create(grafana, create)
            out.print(f"{'would make' if dry_run else 'made'} datasource {shown(sources.NAME)}")
            uid, fresh = DATASOURCE_UID, True
        else:
            uid, fresh = str(there["uid"]), False
    else:
        uid, fresh = str(sources.choose(known, chosen, grafana.url)["uid"]), False
    fault = None if dry_run and fresh else grafana.datasource_fault(uid)
    if fault:
        note(f"datasource {uid} does not answer (panels stay empty until it does): {fault}")
    return uid


def _create(grafana: Grafana, create: sources.Wanted) -> None:
    try:
        grafana.create_datasource(sources.described(create))
    except GrafanaRefused as error:
        if error.status == 403:
            raise ProvisionError(
                f"Grafana at {grafana.url}: this token or user may not make datasources:"
                f" {error.said}",
                remedy="that takes the role Admin; or have someone make one,"
                " and give it with --datasource",
            ) from error
        if error.status == 409:
            raise ProvisionError(
                f"Grafana at {grafana.url} has a datasource {sources.NAME!r} or with uid"
                f" {DATASOURCE_UID} that you may not see",
                remedy=f"--datasource {DATASOURCE_UID} takes it, once you may",
            ) from error
        raise


def find_folder(grafana: Grafana, wanted: str) -> Folder:
    """A folder by its title or uid. Raises ProvisionError where a title is that of several."""
    if wanted.strip() in {"", GENERAL}:
        return Folder(GENERAL, "")
    titled = [each for each in grafana.search("dash-folder", wanted) if each["title"] == wanted]
    if len(titled) > 1:
        uids = ", ".join(str(each["uid"]) for each in titled)
        raise ProvisionError(
            f"Grafana at {grafana.url} has several folders {wanted!r}",
            remedy=f"give the uid of one: {uids}",
        )
    if titled:
        return Folder(wanted, str(titled[0]["uid"]))
    by_uid = grafana.folder(wanted)
    return Folder(str(by_uid["title"]), str(by_uid["uid"])) if by_uid else Folder(wanted, None)


def _made(grafana: Grafana, place: Folder, steps: Sequence[Step]) -> Folder:
    """The folder, made where it is missing and something goes into it."""
    goes_in = any(
        step.action is Action.CREATE or (step.action is Action.UPDATE and step.move)
        for step in steps
    )
    if place.uid is not None or not goes_in:
        return place
    try:
        uid = grafana.create_folder(place.title)
    except GrafanaRefused as error:
        if error.status == 403:
            raise ProvisionError(
                f"Grafana at {grafana.url}: this token or user may not make folder"
                f" {place.title!r}: {error.said}",
                remedy="give it the role Editor, or choose a --folder that it may write to",
            ) from error
        if error.status in {409, 412}:
            raise ProvisionError(
                f"Grafana at {grafana.url} has a folder {place.title!r} that you may not see",
                remedy="choose another --folder, or have that one opened to you",
            ) from error
        raise
    out.print(f"made folder {shown(place.title)}")
    return Folder(place.title, uid)


def _do(
    grafana: Grafana,
    step: Step,
    place: Folder,
    folder_said: bool,
    dry_run: bool,
    backups: Path,
    *,
    marked: bool,
) -> str:
    """Do what was decided for one dashboard, tell it, and give the word for what was done."""
    name = f"{shown(step.title)} ({shown(step.uid)})"
    if step.action is Action.SAME:
        out.print(f"unchanged  {name}")
        return "unchanged"
    if step.action is Action.PROVISIONED and step.stored:
        show_error(read_only(step.title, step.stored.provisioned or "a file", grafana.url))
        return "left alone"
    if step.action in {Action.CHANGED, Action.UNKNOWN}:
        _refuse(grafana, step, name)
        return "left alone"
    new = step.stored is None
    if dry_run:
        out.print(f"would {'create ' if new else 'change '} {name}{_moving(step, place)}")
        show_differences(step.changes)
        return "to create" if new else "to change"
    kept = keep(step.stored, backups, grafana.url) if step.stored else None
    stays = step.stored is not None and not folder_said
    wanted: Mapping[str, Any] = step.wanted or {}
    try:
        grafana.save(
            wanted,
            version=step.stored.version if step.stored else 0,
            folder_uid=step.stored.folder_uid if step.stored and stays else place.uid or "",
            message=message_for(wanted) if marked else "Imported by provision from a file",
        )
    except GrafanaRefused as error:
        if error.status == 401:
            raise
        folder = step.stored.folder_title if step.stored and stays else place.title
        show_error(explained(error, step.title, folder, grafana.url))
        return "left alone"
    out.print(f"{'created' if new else 'changed'}    {name}{_moving(step, place)}")
    if kept:
        show_differences(step.changes)
        out.print(f"    before: {shown(kept)}")
    return "created" if new else "changed"


def _moving(step: Step, place: Folder) -> str:
    if not step.move or step.stored is None:
        return ""
    return f": from folder {shown(step.stored.folder_title)} to {shown(place.title)}"


def _refuse(grafana: Grafana, step: Step, name: str) -> None:
    """Show what a person changed, and that it is left alone."""
    if step.action is Action.UNKNOWN:
        what = "is otherwise than generated, and you may not see who changed it"
        against = "generated → there"
    elif step.history.our_version is None:
        what = "was not written by provision"
        against = "generated → there"
    else:
        what = f"was changed after version {step.history.our_version}, which provision wrote"
        against = "then → now"
    out.print(f"left alone {name}: {what} ({shown(by_whom(step))}); {against}:")
    show_differences(step.theirs)
    show_error(
        ProvisionError(
            f"dashboard {step.title!r} at {grafana.url} is left as people have it",
            remedy="`provision dashboards export` keeps it in a file;"
            " --overwrite replaces it, after a backup",
        )
    )
