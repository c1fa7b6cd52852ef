from __future__ import annotations

from pathlib import Path

import pytest

from provision.catalog.load import MOST_BYTES, load_catalog, load_catalogs, unknown_app
from provision.errors import InvalidInput, ProvisionError
from provision.paths import CATALOGS

GOOD = """\
app: shop
title: Shop
description: Sells things.
source: the shop's handbook
prefix: shop
metrics:
  - name: orders
    type: counter
    unit: count
    title: Orders
    description: An order came in.
"""


def write(directory: Path, text: str | bytes, name: str = "shop.yaml") -> Path:
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load_catalog(path)
    found = [str(problem) for problem in caught.value.problems]
    assert all(problem.startswith(str(path)) for problem in found)
    return [problem.removeprefix(f"{path}: ") for problem in found]


def test_a_good_catalog_is_read(tmp_path: Path) -> None:
    catalog = load_catalog(write(tmp_path, GOOD))
    assert catalog.app == "shop"
    assert catalog.measurement(catalog.metrics[0]) == "shop_orders"


def test_every_error_is_told_at_once_with_line_and_key_path(tmp_path: Path) -> None:
    text = GOOD.replace("type: counter", "type: countr").replace("unit: count", "unit: eggs")
    text = text.replace("title: Shop\n", "") + "    colour: red\n"
    found = problems(write(tmp_path, text))
    assert len(found) == 4
    assert "line 1: title: missing" in found
    assert any(p.startswith("line 7: metrics[0].type: 'countr' is not 'counter'") for p in found)
    assert any(p.startswith("line 8: metrics[0].unit: 'eggs' is not") for p in found)
    assert "line 11: metrics[0].colour: no such key" in found


def test_rules_between_metrics_name_the_rule(tmp_path: Path) -> None:
    again = GOOD.split("metrics:\n")[1]
    found = problems(write(tmp_path, GOOD + again))
    assert [text.rsplit("(", 1)[1] for text in found] == ["metric-once)", "measurement-once)"]
    assert all(text.startswith("line 12: metrics[1]: ") for text in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n- b\n", "line 1: Input should be a valid dictionary"),
        ("just words", "line 1: Input should be a valid dictionary"),
        ("app: [unclosed", "not YAML"),
        ("app: shop\n\tbad: tab\n", "not YAML"),
        ("a: &x 1\nb: *x\n", "line 2: an alias"),
        ("app: shop\napp: shop\n", "the same key again"),
        ("? [1, 2]\n: x\n", "a key must be a plain word"),
        (b"app: caf\xe9\n", "line 1: not UTF-8"),
        (b"\xff\xfea\x00", "not UTF-8"),
        ("app: 1\x00\n", "not YAML"),
        ("a: " + "[" * 200 + "]" * 200, "nested too deeply"),
        ("a: " + "[" * 100000 + "]" * 100000, "nested too deeply"),
        ("app: !!python/object:os.system x\n", "could not determine a constructor"),
        ("a: 2026-13-45\n", "month must be in 1..12"),
    ],
)
def test_broken_files_are_errors_and_no_tracebacks(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    assert any(expected in problem for problem in problems(write(tmp_path, text)))


def test_aliases_that_would_explode_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "an alias" in problems(write(tmp_path, "\n".join(lines)))[0]


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "#" * (MOST_BYTES + 1))
    assert "more than the 1,000,000" in problems(path)[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="No such file"):
        load_catalog(tmp_path / "none.yaml")


def test_a_sites_own_catalog_replaces_a_built_in_one(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("app: shop", "app: realm"))
    write(tmp_path, GOOD, "other.yml")
    catalogs = load_catalogs(tmp_path)
    assert catalogs["realm"].title == "Shop"
    assert set(catalogs) >= {"realm", "shop"}


def test_two_catalogs_of_one_application_are_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.yaml")
    write(tmp_path, GOOD, "b.yaml")
    with pytest.raises(InvalidInput, match=r"'shop' stands in .*a\.yaml as well"):
        load_catalogs(tmp_path)


def test_problems_of_all_files_are_told(tmp_path: Path) -> None:
    write(tmp_path, "", "a.yaml")
    write(tmp_path, "- x", "b.yaml")
    with pytest.raises(InvalidInput) as caught:
        load_catalogs(tmp_path)
    assert {Path(problem.file).name for problem in caught.value.problems} == {"a.yaml", "b.yaml"}


def test_an_unknown_application_is_answered_with_the_known_ones() -> None:
    text = unknown_app("relm", ["realm", "dataclay"])
    assert "did you mean 'realm'" in text
    assert "known are dataclay, realm" in text


@pytest.mark.parametrize("path", sorted(CATALOGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_built_in_catalogs_are_good(path: Path) -> None:
    assert load_catalog(path).app == path.stem
