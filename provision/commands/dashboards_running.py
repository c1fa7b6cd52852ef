"""What the commands for a running Grafana share: catalogs, what there is, and who wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from provision.catalog.load import load_catalogs, unknown_app
from provision.catalog.model import Catalog
from provision.commands.catalog import own_directory
from provision.dashboards.exchange.differences import Difference
from provision.dashboards.exchange.plan import OVERVIEW, History, Step, history
from provision.dashboards.render import DATASOURCE_UID, rendered_dashboards
from provision.errors import ProvisionError
from provision.grafana import Grafana, GrafanaRefused, Stored
from provision.output import out, shown

OVERVIEW_APP = "overview"


class Generated:
    """The dashboards that all catalogs make, those built in and those of the site."""

    def __init__(self, directory: Path | None) -> None:
        known = load_catalogs(directory or own_directory())
        self.catalogs: dict[str, Catalog] = dict(sorted(known.items()))
        self._by_datasource: dict[str, dict[str, dict[str, Any]]] = {}

    def dashboards(self, datasource: str) -> dict[str, dict[str, Any]]:
        """All of them by uid, for a datasource's uid."""
        if datasource not in self._by_datasource:
            made = rendered_dashboards(list(self.catalogs.values()), datasource)
            self._by_datasource[datasource] = made
        return self._by_datasource[datasource]

    def uids(self, apps: Sequence[str] = ()) -> list[str]:
        """The uids of the dashboards of some applications, of all where none is named.

        Raises ProvisionError for one that has no catalog. The overview is over all applications,
        and called `overview` where some are named.
        """
        everything = list(self.dashboards(DATASOURCE_UID))
        chosen: list[str] = []
        for app in apps:
            if app in self.catalogs:
                made = rendered_dashboards([self.catalogs[app]], DATASOURCE_UID)
                chosen += [uid for uid in made if uid != OVERVIEW]
            elif app == OVERVIEW_APP and OVERVIEW in everything:
                chosen.append(OVERVIEW)
            else:
                raise ProvisionError(unknown_app(app, self.catalogs))
        return list(dict.fromkeys(chosen)) if apps else everything


def look_up(grafana: Grafana, stored: Stored | None) -> History:
    """Who wrote a dashboard, with what our own newest version held where it isn't the newest."""
    if stored is None:
        return History()
    newest = grafana.revision(stored.uid, stored.version)
    known = history([newest] if newest else [], stored)
    if known.ours:
        return known
    revisions = grafana.revisions(stored.uid)
    if revisions and newest:  # it tells the name of who saved it, the list in 9 a number
        revisions = [newest if each.version == newest.version else each for each in revisions]
    known = history(revisions, stored)
    if known.our_version is None:
        return known
    ours = grafana.revision(stored.uid, known.our_version)
    return replace(known, before=ours.content if ours else None)


def show_differences(found: Sequence[Difference]) -> None:
    """One line each, and two more where a query changed."""
    for difference in found:
        for number, line in enumerate(str(difference).splitlines()):
            out.print(f"{'    ' if number == 0 else '      '}{shown(line)}")


def by_whom(step: Step) -> str:
    """Such as: by alice at 2026-11-02T10:00:00Z, version 7."""
    newest = step.history.newest
    version = step.stored.version if step.stored else 0
    if newest is None or not newest.by:
        return f"version {version}"
    return f"by {newest.by} at {newest.when}, version {version}"


def explained(error: GrafanaRefused, title: str, folder: str, url: str) -> ProvisionError:
    """What to say of a dashboard that Grafana does not save or remove.

    Source: Grafana documentation, HTTP API, Create / Update dashboard: its 412 and its words.
    """
    where = f"dashboard {title!r} at {url}"
    said = error.said.lower()
    if error.word == "name-exists" or "same name" in said:
        return ProvisionError(
            f"{where}: folder {folder!r} has another dashboard of that title",
            remedy="rename that one, or choose another --folder",
        )
    if error.word == "version-mismatch" or "changed by someone else" in said:
        return ProvisionError(
            f"{where}: someone changed it in this very moment; it is left as it is",
            remedy="run the command again: it shows what changed",
        )
    if error.word == "plugin-dashboard":
        return ProvisionError(
            f"{where}: it belongs to a plugin, which would write it again",
            remedy="remove it in that plugin's settings",
        )
    if "provision" in said and error.status in {400, 403, 412}:
        return read_only(title, "a file", url)
    if error.status == 403:
        return ProvisionError(
            f"{where}: this token or user may not write it: {error.said}",
            remedy=f"give it the role Editor, or the permission Edit on folder {folder!r}",
        )
    if error.status == 404:
        return ProvisionError(
            f"{where}: it, or folder {folder!r}, is gone: {error.said}",
            remedy="run the command again",
        )
    if error.status in {409, 412}:
        return ProvisionError(
            f"{where}: Grafana has something else in its place: {error.said}",
            remedy="run the command again; `provision dashboards diff` shows what there is",
        )
    return error


def read_only(title: str, file: str, url: str) -> ProvisionError:
    """What to say of a dashboard that Grafana keeps as one of its files has it."""
    return ProvisionError(
        f"dashboard {title!r} at {url} is provisioned from {file} on that host: Grafana lets nobody"
        " change it through its API",
        remedy="change it there (`provision up` does, on a host of yours), or take that file away",
    )
