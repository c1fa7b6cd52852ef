from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.dashboards.check.checked import Checked, check_files
from provision.dashboards.check.exclusions import FILE
from tests.dashboards.check.good import SHOP, Json, good, written


def broken() -> Json:
    """The title of a panel is missing."""
    made = good()
    made["panels"][3]["title"] = ""
    return made


def checked(tmp_path: Path, exclusions: str, raw: Json | None = None) -> Checked:
    (tmp_path / FILE).write_text(exclusions)
    return check_files([written(raw or broken(), tmp_path)], {"shop": SHOP})


@pytest.mark.parametrize(
    "where",
    [
        "",
        "dashboard: provision-shop,",
        "dashboard: Shop,",
        "dashboard: shop.json,",
        "dashboard: shop,",
        "panel: 4,",
        "panel: '',",
    ],
)
def test_what_is_excluded_is_told_with_the_reason_and_is_no_finding(
    where: str, tmp_path: Path
) -> None:
    if where.startswith("panel: ''"):
        where = "dashboard: shop, panel: 4,"
    made = checked(tmp_path, f"exclusions: [{{rule: panel-title, {where} reason: It hums.}}]")
    assert made.findings == 0
    (excluded,) = made.files[0].excluded
    assert (excluded.finding.rule, excluded.why) == ("panel-title", "It hums.")


@pytest.mark.parametrize(
    "where",
    ["rule: panel-unit", "rule: panel-title, panel: 5", "rule: panel-title, metric: orders"],
)
def test_an_exclusion_that_matches_nothing_is_told(where: str, tmp_path: Path) -> None:
    made = checked(tmp_path, f"exclusions: [{{{where}, reason: It hums.}}]")
    assert [finding.rule for finding in made.files[0].findings] == ["panel-title"]
    (finding,) = made.exclusions[0].findings
    assert finding.rule == "exclusion-used"
    assert "exclusions[0] (rule panel-" in finding.what


def test_a_metric_can_be_left_out_by_name(tmp_path: Path) -> None:
    raw = good()
    del raw["panels"][3]
    text = "exclusions: [{rule: metric-shown, metric: orders, reason: Finance has it.}]"
    assert checked(tmp_path, text, raw).findings == 0
    assert checked(tmp_path, text.replace("orders", "stock"), raw).findings == 2


def test_an_exclusion_of_what_was_not_looked_at_is_not_unused(tmp_path: Path) -> None:
    written(good(), tmp_path, "other.json")
    text = "exclusions: [{rule: panel-title, dashboard: other, reason: It hums.}]"
    assert checked(tmp_path, text, good()).findings == 0
    text = "exclusions: [{rule: panel-title, reason: It hums.}]"
    assert checked(tmp_path, text, good()).findings == 0
    both = [tmp_path / "other.json", tmp_path / "shop.json"]
    assert check_files(both, {"shop": SHOP}).findings == 1


def test_a_file_of_exclusions_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("exclusions: [{rule: panel-title, reason: It hums.}]")
    assert check_files([written(broken(), tmp_path)], {"shop": SHOP}, path).findings == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exclusions: [{rule: panel-title}]", "exclusions.0.reason: missing"),
        ("exclusions: [{rule: panel-title, reason: ' '}]", "exclusions.0.reason"),
        ("exclusions: [{rule: panel-titel, reason: x}]", "no rule panel-titel"),
        ("exclusions: [{rule: file, reason: x}]", "no rule file that can be excluded"),
        ("exclusions: [{rule: panel-title, why: x, reason: x}]", "exclusions.0.why: no such key"),
        ("exclusions: [{rule: panel-title, panel: [1], reason: x}]", "exclusions.0.panel"),
        ("exclusions: none", "exclusions: a list is needed"),
        ("- x", "keys with values"),
        ("x: [", "not YAML"),
        ("", "empty"),
        ("a: &b [*b]", "an alias"),
    ],
)
def test_what_is_wrong_with_exclusions_is_told_and_none_counts(
    text: str, message: str, tmp_path: Path
) -> None:
    made = checked(tmp_path, text)
    assert [finding.rule for finding in made.files[0].findings] == ["panel-title"]
    found = made.exclusions[0].findings
    assert {finding.rule for finding in found} == {"exclusions"}
    assert any(message in finding.what for finding in found), found


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    made = check_files([written(good(), tmp_path)], {}, tmp_path / "none.yml")
    assert made.exclusions[0].findings[0].what == "No such file or directory"


def test_files_that_no_rule_can_read_are_found(tmp_path: Path) -> None:
    path = written("{", tmp_path)
    breaks: Callable[[Path], Checked] = lambda each: check_files([each], {})  # noqa: E731
    assert breaks(path).files[0].findings[0].rule == "file"
    assert breaks(Path("a\0b")).findings == 1
