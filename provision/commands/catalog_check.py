"""`provision catalog check`: what is wrong with catalogs, each by itself and all on one host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.applications import EVERY_WORKER
from provision.catalog.document import written
from provision.catalog.lint import Finding, findings_together, reason
from provision.catalog.load import Examined, catalog_files, examine, load_catalogs, own_files
from provision.catalog.model import Catalog
from provision.catalog.series import series, together
from provision.commands.catalog import own_directory
from provision.errors import EXIT_ERROR, EXIT_OK
from provision.output import out, show_table, shown, table
from provision.paths import CATALOGS


@dataclass(frozen=True)
class Checked:
    """The files that were looked at, and what would not stand on one host."""

    files: tuple[Examined, ...]
    together: tuple[Finding, ...]

    @property
    def findings(self) -> int:
        """How many things are wrong."""
        return sum(len(each.faults) for each in self.files) + len(self.together)


def check(*, files: Sequence[Path], catalogs: Path | None, as_json: bool) -> int:
    """Lint the files, or the built-in catalogs and the site's own; exit status 1 with findings."""
    paths = [path for each in files for path in _expanded(each)]
    if files:
        paths += own_files(catalogs)
    else:
        paths = [*catalog_files(CATALOGS), *own_files(catalogs or own_directory())]
    checked = check_files(paths)
    if as_json:
        print(json.dumps(as_data(checked), indent=2))  # noqa: T201
    else:
        _show(checked)
    return EXIT_ERROR if checked.findings else EXIT_OK


def check_files(paths: Sequence[Path]) -> Checked:
    """Lint files, and those that are in order together, with what is on every worker."""
    examined = tuple(examine(path) for path in dict.fromkeys(paths))
    together: list[Finding] = []
    every = load_catalogs()
    by_app = {app: every[app] for app in EVERY_WORKER}
    first: dict[str, Path] = {}
    for each in examined:
        if each.catalog is None:
            continue
        app = each.catalog.app
        # One of a site's own takes the place of a built-in one.
        if app in first and each.path.parent == first[app].parent:
            what = f"{each.path} is of {app}, and {first[app]} as well"
            together.append(Finding("app-once", (), what))
            continue
        first[app] = each.path
        by_app[app] = each.catalog
    together += findings_together(list(by_app.values()))
    return Checked(examined, tuple(together))


def as_data(checked: Checked) -> dict[str, object]:
    """The outcome for programs."""
    return {
        "ok": checked.findings == 0,
        "catalogs": [
            {
                "file": str(each.path),
                "app": each.catalog.app if each.catalog else None,
                "metrics": len(each.catalog.metrics) if each.catalog else None,
                "series": _series(each.catalog) if each.catalog else None,
                "findings": [
                    {
                        "rule": fault.rule,
                        "reason": reason(fault.rule) if fault.rule else None,
                        "line": fault.line,
                        "path": written(fault.path),
                        "message": fault.what,
                        "hint": fault.hint,
                    }
                    for fault in each.faults
                ],
            }
            for each in checked.files
        ],
        "together": [
            {"rule": each.rule, "reason": reason(each.rule), "message": each.message}
            for each in checked.together
        ],
    }


def _show(checked: Checked) -> None:
    listing = table("application", "metrics", "series a host", "findings", "file")
    for each in checked.files:
        catalog = each.catalog
        listing.add_row(
            catalog.app if catalog else "-",
            str(len(catalog.metrics)) if catalog else "-",
            f"{_series(catalog):,}" if catalog else "-",
            str(len(each.faults)),
            shown(each.path),
        )
    show_table(listing)
    for each in checked.files:
        for fault in each.faults:
            out.print(shown(fault.problem(each.path)))
            if fault.rule:
                out.print(shown(f"    {fault.rule}: {reason(fault.rule)}"))
    for finding in checked.together:
        out.print(shown(f"on one host: {finding.message}"))
        out.print(shown(f"    {finding.rule}: {reason(finding.rule)}"))
    number = checked.findings
    out.print("nothing is wrong" if not number else f"{number} finding{'s' * (number > 1)}")


def _series(catalog: Catalog) -> int:
    return together(catalog, ((metric, series(catalog, metric)) for metric in catalog.metrics))


def _expanded(path: Path) -> list[Path]:
    """A file, or the catalogs in a directory."""
    return catalog_files(path) if path.is_dir() else [path]
