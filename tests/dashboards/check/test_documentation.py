"""docs/dashboards.md against the code: its rules, its example, its keys."""

from __future__ import annotations

import re
from pathlib import Path

from provision.dashboards.check.exclusions import FILE, Exclusion, read_exclusions
from provision.dashboards.check.lint import GENERAL, OTHERS, WITH_CATALOG, reason

PAGE = (Path(__file__).parents[3] / "docs" / "dashboards.md").read_text()


def test_every_rule_is_there_with_its_reason() -> None:
    checked = PAGE.split("## What is checked")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", checked, re.MULTILINE)
    assert rows == [(rule, reason(rule)) for rule in (*GENERAL, *WITH_CATALOG, *OTHERS)]


def test_the_example_is_a_file_of_exclusions(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / FILE
    path.write_text(example)
    made = read_exclusions(path)
    assert made.faults == ()
    assert len(made.exclusions) == 2
    assert f"`{FILE}`" in PAGE


def test_every_key_of_an_exclusion_is_explained() -> None:
    section = PAGE.split("## What is so on purpose")[1]
    rows = re.findall(r"^\| `([a-z]+)` \| .+ \| (\w+) \|$", section, re.MULTILINE)
    fields = Exclusion.model_fields.items()
    assert rows == [(key, "needed" if f.is_required() else "all") for key, f in fields]
