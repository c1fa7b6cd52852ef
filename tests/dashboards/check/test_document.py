"""Whatever a file holds, it is read or said to be wrong; nothing is a traceback."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from provision.dashboards.check.document import MOST_BYTES, read_document
from provision.dashboards.check.lint import lint
from tests.dashboards.check.good import SHOP, document, found, good, written
from tests.hostile import HOSTILE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: line 1"),
        ("{", "not JSON: line 1"),
        ("title: Shop", "not JSON: line 1"),
        ('{"title": NaN}', "NaN is no number"),
        ('{"title": ' + "9" * 5000 + "}", "not JSON"),
        ('{"title": "a", "title": "b"}', "the key 'title' stands twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"panels": ' + '[{"panels": ' * 3000 + "[]" + "}]" * 3000 + "}", "nested too deeply"),
        ("[]", "no dashboard: an empty list"),
        ("null", "no dashboard: nothing"),
        ('"x"', "no dashboard: 'x'"),
        ('{"dashboard": {"a": 1}}', "neither a title nor panels"),
        ('{"apiVersion": "dashboard.grafana.app/v2beta1", "spec": {}}', "the schema"),
        ('{"elements": {}, "layout": {}, "title": "x"}', "a dashboard of the schema v2"),
        ('{"title": "x", "rows": [{"panels": []}]}', "before version 5"),
        ('{"panels": "none"}', "panels: a list is needed, not 'none'"),
        ('{"panels": [1, "x", null]}', "panels[1]: keys with values are needed, not 'x'"),
        ('{"title": ["x"], "panels": []}', "title: a text is needed, not a list"),
        ('{"panels": [{"id": 1.5}]}', "panels[0].id: a whole number is needed"),
        ('{"panels": [{"id": 1e400}]}', "panels[0].id: a finite number is needed"),
        ('{"panels": [{"type": "row", "panels": 3}]}', "panels[0].panels: a list is needed"),
        ('{"panels": [{"fieldConfig": {"defaults": []}}]}', "keys with values are needed"),
        ('{"panels": [], "time": "now"}', "time: keys with values are needed"),
    ],
)
def test_what_is_no_dashboard_is_said(text: str, message: str, tmp_path: Path) -> None:
    read = read_document(written(text, tmp_path))
    assert read.dashboard is None
    assert any(message in fault.what for fault in read.faults), read.faults
    assert {finding.rule for finding in lint(read, None)} == {"file"}


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert read_document(path).faults[0].what == "No such file or directory"
    assert "null" in read_document(Path("a\0b")).faults[0].what
    path.write_bytes(b"\xff\xfe{")
    assert read_document(path).faults[0].what == "not UTF-8"
    path.write_bytes(b" " * (MOST_BYTES + 1))
    assert "more than the 10,000,000 bytes" in read_document(path).faults[0].what
    assert read_document(tmp_path).faults[0].what == "Is a directory"


def test_the_answer_of_grafanas_api_is_a_dashboard(tmp_path: Path) -> None:
    assert found({"meta": {"slug": "shop"}, "dashboard": good()}, tmp_path) == []


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert found("\ufeff" + json.dumps(good()), tmp_path) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_can_stand_anywhere(text: str, tmp_path: Path) -> None:
    made = good()
    for each in made["panels"]:
        each["title"] = each["description"] = text
        for asked in each.get("targets", ()):
            asked["query"] = text
    made["templating"]["list"][1]["name"] = text
    made["title"] = made["uid"] = text
    for finding in found(made, tmp_path):
        assert finding.what.isprintable()


def test_wrong_types_anywhere_are_told_and_never_a_traceback(tmp_path: Path) -> None:
    chance = random.Random(1)
    for _ in range(300):
        made = good()
        places = list(_places(made))
        for _ in range(3):
            parent, key = chance.choice(places)
            parent[key] = chance.choice([None, True, 3, -1.5, 1e300, "x", "\ud800", [], {}, [[]]])
        lint(document(made, tmp_path), SHOP)


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def test_thousands_of_panels_take_no_time(tmp_path: Path) -> None:
    made = good()
    made["panels"] = [made["panels"][3] | {"id": number} for number in range(2000)]
    rules = [finding.rule for finding in found(made, tmp_path)]
    assert rules.count("panel-overlap") == 1999
