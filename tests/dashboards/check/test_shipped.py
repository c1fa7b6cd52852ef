"""The dashboards that ship, by the rules of the linter."""

from __future__ import annotations

from provision.catalog.load import load_catalogs
from provision.dashboards.check.checked import check_files
from provision.paths import DASHBOARDS


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
