"""The dashboards that ship, by the rules of the linter."""

from __future__ import annotations

from pathlib import Path

from provision.catalog.load import load_catalogs
from provision.dashboards.check.checked import check_files
from provision.dashboards.render import importable_dashboards
from provision.paths import DASHBOARDS
from tests.integration.uncommon import UNCOMMON


def test_nothing_is_wrong_with_what_is_generated_of_uncommon_catalogs(tmp_path: Path) -> None:
    catalogs = {each.app: each for each in UNCOMMON}
    for name, text in importable_dashboards(UNCOMMON).items():
        (tmp_path / f"{name}.json").write_text(text)
    checked = check_files(sorted(tmp_path.glob("*.json")), catalogs)
    # All of them have one title, which the overview has twice in a row.
    found = {each.app: [finding.what for finding in each.findings] for each in checked.files}
    assert {app: told for app, told in found.items() if app} == {app: [] for app in catalogs}


def test_nothing_is_wrong_with_the_dashboards_that_ship() -> None:
    checked = check_files(sorted(DASHBOARDS.glob("*.json")), load_catalogs())
    told = [
        f"{each.document.path.name}: {finding.panel and finding.panel.title}: {finding.what}"
        for each in checked.files
        for finding in each.findings
    ]
    told += [finding.what for each in checked.exclusions for finding in each.findings]
    assert told == []
    # All but the overview of the fleet are held against a catalog.
    assert {each.app for each in checked.files} == {*load_catalogs(), None}
