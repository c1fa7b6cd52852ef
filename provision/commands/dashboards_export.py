"""`provision dashboards export`: what a Grafana has, as files that any Grafana can import."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from provision.commands.dashboards_running import OVERVIEW_APP, Generated
from provision.dashboards.exchange.canonical import same
from provision.dashboards.exchange.plan import running_datasource
from provision.dashboards.exchange.portable import file_name, plain, portable
from provision.dashboards.render import DATASOURCE_UID
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
    generated = Generated(catalogs)
    ours = generated.uids()
    if everything:
        uids = [str(each["uid"]) for each in grafana.search("dash-db")]
    else:
        apps = {*generated.catalogs, OVERVIEW_APP}
        named = [generated.uids([name]) if name in apps else [name] for name in names]
        uids = [uid for each in named for uid in each] or ours
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
        remark = _remark(stored, generated) if uid in ours else ""
        out.print(f"{shown(path)}{remark}")
    return EXIT_ERROR if failed else EXIT_OK


def _write(path: Path, stored: Stored) -> None:
    text = json.dumps(portable(stored.dashboard), indent=2, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error


def _remark(stored: Stored, generated: Generated) -> str:
    chosen = running_datasource(stored.dashboard) or DATASOURCE_UID
    if same(generated.dashboards(chosen)[stored.uid], stored.dashboard):
        return ""
    return "  differs from what is generated (`provision dashboards diff` says in what)"
