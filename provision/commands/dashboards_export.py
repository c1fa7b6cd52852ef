"""`provision dashboards export`: what a Grafana has, as files that any Grafana can import."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from provision.catalog.model import Catalog
from provision.commands.dashboards_running import OVERVIEW_APP, wanted_catalogs, wanted_uids
from provision.dashboards.build import DATASOURCE_UID, rendered_dashboards
from provision.dashboards.canonical import same
from provision.dashboards.exchange import running_datasource
from provision.dashboards.portable import file_name, plain, portable
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.grafana import Grafana, Stored
from provision.output import err, out, shown


def export(
    *,
    grafana: Grafana,
    catalogs: Path | None,
    names: Sequence[str],
    everything: bool,
    output: Path,
) -> int:
    """Write a file for each dashboard, and say which are otherwise than they are generated.

    names are uids or applications; without any, those of all catalogs that are there.
    """
    known = wanted_catalogs(catalogs)
    ours = wanted_uids(known, ())
    if everything:
        uids = [str(each["uid"]) for each in grafana.search("dash-db")]
    else:
        apps = {app for app in names if app in {c.app for c in known} | {OVERVIEW_APP}}
        uids = [u for n in names for u in (wanted_uids(known, [n]) if n in apps else [n])] or ours
    failed = False
    taken: set[str] = set()
    for uid in dict.fromkeys(uids):
        stored = grafana.stored(uid)
        if stored is None:
            failed |= bool(names)
            err.print(f"not in this Grafana: {shown(uid)}")
            continue
        if stored.newer:
            failed = True
            err.print(
                f"{shown(stored.title)} ({shown(uid)}): saved in the newer model (v2), which only"
                " the browser exports"
            )
            continue
        name = file_name(uid)
        path = output / (name if name not in taken else f"{plain(uid)}.json")
        taken.add(path.name)
        _write(path, stored)
        out.print(f"{shown(path)}{_remark(stored, uid in ours, known)}")
    return EXIT_ERROR if failed else EXIT_OK


def _write(path: Path, stored: Stored) -> None:
    text = json.dumps(portable(stored.dashboard), indent=2, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error


def _remark(stored: Stored, ours: bool, known: Sequence[Catalog]) -> str:
    if not ours:
        return ""
    chosen = running_datasource(stored.dashboard) or DATASOURCE_UID
    generated = rendered_dashboards(known, chosen)[stored.uid]
    if same(generated, stored.dashboard):
        return ""
    return "  differs from what is generated (`provision dashboards diff` says in what)"
