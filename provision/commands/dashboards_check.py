"""`provision dashboards check`: what is wrong with dashboards, of provision's or anyone's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from provision.catalog.load import load_catalogs
from provision.catalog.messages import shown as quoted
from provision.commands.catalog import own_directory
from provision.dashboards.check import schema
from provision.dashboards.check.checked import Checked, CheckedFile, check_files
from provision.dashboards.check.lint import Finding
from provision.errors import EXIT_ERROR, EXIT_OK
from provision.output import out, show_table, shown, table

SUFFIX = "*.json"
_WITHOUT_SCHEMA = (
    f"not held against Grafana's schema {schema.VERSION}: install provision with its extra `schema`"
)


def check(
    *, files: Sequence[Path], catalogs: Path | None, exclusions: Path | None, as_json: bool
) -> int:
    """Lint files, and those in directories; exit status 1 with findings.

    Raises ProvisionError where a catalog is faulty.
    """
    paths = [path for each in files for path in _expanded(each)]
    checked = check_files(paths, load_catalogs(catalogs or own_directory()), exclusions)
    if as_json:
        print(json.dumps(as_data(checked), indent=2))  # noqa: T201
    else:
        _show(checked)
    return EXIT_ERROR if checked.findings else EXIT_OK


def as_data(checked: Checked) -> dict[str, object]:
    """The outcome for programs."""
    return {
        "ok": checked.findings == 0,
        "schema": schema.VERSION if schema.available() else None,
        "dashboards": [
            {
                "file": str(each.document.path),
                "uid": each.document.dashboard.uid if each.document.dashboard else None,
                "title": each.document.dashboard.title if each.document.dashboard else None,
                "app": each.app,
                "not_applied": list(each.not_applied),
                "findings": [_finding(finding) for finding in each.findings],
                "excluded": [
                    _finding(excluded.finding) | {"excluded": excluded.why}
                    for excluded in each.excluded
                ],
            }
            for each in checked.files
        ],
        "exclusions": [
            {"file": str(each.path), "findings": [_finding(finding) for finding in each.findings]}
            for each in checked.exclusions
        ],
    }


def _finding(finding: Finding) -> dict[str, object]:
    panel = finding.panel
    return {
        "rule": finding.rule,
        "reason": finding.reason,
        "panel": {"id": panel.id, "title": panel.title} if panel else None,
        "metric": finding.metric,
        "message": finding.what,
        "remedy": finding.remedy,
    }


def _show(checked: Checked) -> None:
    listing = table("application", "panels", "findings", "excluded", "file")
    for each in checked.files:
        dashboard = each.document.dashboard
        listing.add_row(
            each.app or "-",
            str(len(dashboard.panels)) if dashboard else "-",
            str(len(each.findings)),
            str(len(each.excluded)),
            shown(each.document.path),
        )
    show_table(listing)
    for each in checked.files:
        _show_file(each)
    for exclusions in checked.exclusions:
        for finding in exclusions.findings:
            _show_finding(exclusions.path, finding)
    if not schema.available():
        out.print(shown(_WITHOUT_SCHEMA))
    number = checked.findings
    out.print("nothing is wrong" if not number else f"{number} finding{'s' * (number > 1)}")


def _show_file(each: CheckedFile) -> None:
    for finding in each.findings:
        _show_finding(each.document.path, finding)
    if each.not_applied:
        tags = each.document.dashboard.tags if each.document.dashboard else ()
        said = ", ".join(quoted(tag) for tag in tags[:10]) or "none"
        what = f"no catalog for its tags ({said}): {len(each.not_applied)} rules are not applied"
        out.print(shown(f"{each.document.path}: {what}"))


def _show_finding(path: Path, finding: Finding) -> None:
    panel = finding.panel
    where = f"panel {panel.id} ({quoted(panel.title)}): " if panel else ""
    out.print(shown(f"{path}: {where}{finding.what}"))
    out.print(shown(f"    remedy: {finding.remedy}"))
    out.print(shown(f"    {finding.rule}: {finding.reason}"))


def _expanded(path: Path) -> list[Path]:
    """A file, or the dashboards in a directory."""
    return sorted(path.glob(SUFFIX)) if path.is_dir() else [path]
