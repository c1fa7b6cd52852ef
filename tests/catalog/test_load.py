"""Files that are catalogs, and files that are not: everything wrong with them is told at once."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision.catalog import document
from provision.catalog.load import MOST_BYTES, examine, load_catalog, load_catalogs, unknown_app
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


def test_every_error_is_told_at_once_with_line_key_path_and_hint(tmp_path: Path) -> None:
    text = GOOD.replace("type: counter", "type: countr").replace("unit: count", "unit: eggs")
    text = text.replace("title: Shop\n", "") + "    colour: red\n    discription: x\n"
    text = text.replace("prefix: shop\n", "prefix: shop\nplaceholders:\n  city: {}\n")
    assert problems(write(tmp_path, text)) == [
        "line 1: title: missing (its name for people)",
        "line 6: placeholders.city.description: missing (what the value is)",
        "line 9: metrics[0].type: 'countr' is not 'counter', 'gauge', 'timer' or 'set' "
        "(did you mean 'counter'?)",
        "line 10: metrics[0].unit: 'eggs' is not 'count', 'bytes', 'bits', 'nanoseconds', "
        "'microseconds', 'milliseconds', 'seconds', 'percent' or 'ratio' "
        "(what is counted has the unit count, and so has what none of them fits)",
        "line 13: metrics[0].colour: no such key (known are name, type, unit, title, description, "
        "measurement, labels, percentiles, fields, always, condition, signal, together, family, "
        "deprecated, formerly)",
        "line 14: metrics[0].discription: no such key (did you mean 'description'?)",
    ]


def test_what_is_right_is_linted_beside_what_is_wrong(tmp_path: Path) -> None:
    metric = GOOD.split("metrics:\n")[1]
    broken = metric.replace("type: counter", "type: countr").replace("orders", "broken")
    percent = metric.replace("unit: count", "unit: percent").replace("orders", "share")
    text = GOOD + broken + percent + metric
    text = text.replace("prefix: shop\n", "")
    assert problems(write(tmp_path, text)) == [
        "line 1: buckets of statsd begin with a prefix: add prefix",
        "line 12: metrics[1].type: 'countr' is not 'counter', 'gauge', 'timer' or 'set' "
        "(did you mean 'counter'?)",
        "line 18: metrics[2].unit: a counter counts things or bytes: percent (type-unit)",
        "line 21: metrics[3]: counter orders is documented twice (metric-once)",
        "line 21: metrics[3]: measurement shop_orders is that of metrics[0] as well: give one of "
        "them a `measurement` of its own (measurement-once)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("app: shop", "app: A_b", "app"),
        ("prefix: shop", "prefix: 5", "prefix"),
        ("prefix: shop", "prefix: shop\nscrape: {port: x}", "scrape.port"),
        ("prefix: shop", "prefix: shop\nscrape: {port: 1}", ""),
        ("prefix: shop", "prefix: shop\nplaceholders: 7", "placeholders"),
        ("prefix: shop", "prefix: shop\nplaceholders: {A: 7}", "placeholders.A"),
        ("prefix: shop", "prefix: shop.<c>\nplaceholders: {c: 7}", "placeholders.c"),
        ("prefix: shop", "prefix: shop.<c>\nplaceholders: {c: {x: 7}}", "placeholders.c.x"),
        ("title: Shop", "title: [x]", "title"),
        ("title: Shop", "title: Shop\ntransport: fax", "transport"),
        ("title: Shop", "title: Shop\nwhat: now", "what"),
    ],
)
def test_one_error_at_the_top_hides_none_in_a_metric(
    tmp_path: Path, old: str, new: str, wrong: str
) -> None:
    text = GOOD.replace(old, new).replace("unit: count", "unit: percent")
    found = examine(write(tmp_path, text)).faults
    assert "metrics[0].unit" in [document.written(fault.path) for fault in found]
    assert wrong in [document.written(fault.path) for fault in found]
    assert "placeholder-used" not in {fault.rule for fault in found}


def test_a_forgotten_input_is_told_and_nothing_that_follows_from_it(tmp_path: Path) -> None:
    text = GOOD.replace("prefix: shop", "scrape: {port: 9200}\nignored: [{name: x, reason: y}]")
    text = text.replace(
        "metrics:", "placeholders:\n  city: {description: x, values: [y]}\nmetrics:"
    )
    text += "    labels: {city: null}\n"
    wanted = "line 1: scrape is of prometheus: add input: prometheus"
    assert problems(write(tmp_path, text)) == [wanted]
    wrong = problems(write(tmp_path, text.replace("type: counter", "type: timer")))
    assert wanted in wrong
    assert all("statsd" not in each and "prefix" not in each for each in wrong)
    said = problems(
        write(tmp_path, GOOD.replace("prefix: shop", "input: statsd\nscrape: {port: 1}"))
    )
    assert "add prefix" in said[0]


def test_rules_between_metrics_name_the_rule(tmp_path: Path) -> None:
    again = GOOD.split("metrics:\n")[1]
    found = problems(write(tmp_path, GOOD + again))
    assert [text.rsplit("(", 1)[1] for text in found] == ["metric-once)", "measurement-once)"]
    assert all(text.startswith("line 12: metrics[1]: ") for text in found)


def test_a_key_is_told_by_its_own_line_and_not_by_that_of_its_value(tmp_path: Path) -> None:
    text = GOOD + "    condition:\n      severity: info\n      advice: Look.\n"
    assert problems(write(tmp_path, text)) == [
        "line 12: metrics[0].condition: a condition has one of above, below and silent"
    ]


LOADERS = [yaml.SafeLoader, yaml.CSafeLoader]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("---\n", "keys with values (key: value) are needed, not nothing"),
        ("- a\n- b\n", "line 1: keys with values (key: value) are needed, not a list"),
        ("just words", "line 1: keys with values (key: value) are needed, not 'just words'"),
        ("app: [unclosed", "not YAML"),
        ("app: 'unclosed", "not YAML: found unexpected end of stream"),
        ("app: shop\n\tbad: tab\n", "indent with spaces, not with tabs"),
        ("app: a: b\n", "a text with a colon in it needs quotes"),
        ("app: @shop\n", "a text that begins so needs quotes"),
        ("app: a\n---\napp: b\n", "one catalog a file"),
        ("a: &x 1\nb: *x\n", "line 2: an alias"),
        ("app: shop\napp: shop\n", "line 2: app: the same key again, as in line 1"),
        ("? [1, 2]\n: x\n", "a key must be a plain word"),
        ("? {a: b}\n: x\n", "a key must be a plain word"),
        (b"app: caf\xe9\n", "line 1: not UTF-8"),
        (b"\xff\xfea\x00", "not UTF-8"),
        ("app: shop\n".encode("utf-16-le"), "line 1: not YAML: the character '\\x00'"),
        ("app: shop\n".encode("utf-32"), "not UTF-8"),
        ("title: x\napp: 1\x00\n", "line 2: not YAML: the character '\\x00'"),
        ("app: \x1b[31m", "not YAML: the character '\\x1b'"),
        ("a: " + "[" * 200 + "]" * 200, "nested too deeply"),
        ("a: " + "[" * 100000 + "]" * 100000, "nested too deeply"),
        ("a: " + "{b: " * 50000, "nested too deeply"),
        ("- " * 5000, "nested too deeply"),
        ("app: !!python/object:os.system x\n", "a tag (!!python/object:os.system)"),
        ("app: !!int ''\n", "a tag (!!int)"),
        ("app: !!float ''\n", "a tag (!!float)"),
        ("app: !!bool x\n", "a tag (!!bool)"),
        ("metrics: !!set {a}\n", "a tag (!!set)"),
        ("app: ! x\n", "a tag (!)"),
        ("%YAML 9.9\n---\na: b\n", "not YAML: found incompatible YAML document"),
        ("a: 2026-13-45\n", "month must be in 1..12"),
        ("a: =\n", "could not determine a constructor"),
        ("<<: {app: shop}\n", "no such key"),
        ("? \n: x\n", "no such key"),
        (f"app: {'9' * 5000}\n", "quote it if it is a text"),
        (f"app: 0x{'f' * 5000}\n", "a text is needed, not a very large number"),
        ("app: .inf\n", "a text is needed, not inf"),
        ("app: 0b_\n", "quote it if it is a text"),
        ('"\\e[31m": x\n', "line 1: ['\\x1b[31m']: no such key"),
        ('"[key]": x\n', "line 1: ['[key]']: no such key"),
        ('"\\ud800": x\n', "nicode"),
        ('app: "\\ud800"\n', "nicode"),
        ('app: "\\0"\n', r"app: '\x00' is not right here"),
    ],
)
def test_broken_files_are_errors_and_no_tracebacks(
    tmp_path: Path,
    text: str | bytes,
    expected: str,
    loader: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(document, "LOADER", loader)
    found = problems(write(tmp_path, text))
    assert any(expected in problem for problem in found), found
    assert all(problem.isprintable() for problem in found)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.sampled_from(["shop", "counter", "count", "a.<b>", "<b>", "statsd", "prometheus", "a b"]),
)
KEYS = st.one_of(
    st.sampled_from(
        [
            *("app", "title", "description", "source", "input", "prefix", "scrape", "ignored"),
            *("placeholders", "metrics", "name", "type", "unit", "labels", "condition", "formerly"),
            *("values", "dotted", "setting", "examples", "expected", "percentiles", "fields"),
            *("above", "below", "severity", "advice", "port", "path", "reason", "b"),
        ]
    ),
    st.text(string.printable, max_size=5),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=20,
)
UNDISTURBED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def told(path: Path) -> None:
    """Whatever a file holds: a catalog, or problems that can be shown."""
    examined = examine(path)
    assert (examined.catalog is None) == bool(examined.faults)
    for problem in examined.problems:
        str(problem).encode()


@UNDISTURBED
@given(TREES)
def test_any_yaml_is_a_catalog_or_has_problems(tmp_path: Path, tree: Any) -> None:
    told(write(tmp_path, yaml.safe_dump(tree)))


@UNDISTURBED
@given(st.dictionaries(KEYS, TREES, max_size=4), st.sampled_from(["", "metric", "place"]))
def test_a_catalog_with_something_else_in_it_has_problems(
    tmp_path: Path, changes: dict[str, Any], where: str
) -> None:
    tree = yaml.safe_load(GOOD)
    tree["placeholders"] = {"b": {"description": "x", "examples": ["y"], "expected": 1}}
    tree["metrics"].append(tree["metrics"][0] | {"name": "<b>.x"})
    part = {"": tree, "metric": tree["metrics"][1], "place": tree["placeholders"]["b"]}[where]
    part |= changes
    told(write(tmp_path, yaml.safe_dump(tree)))


@UNDISTURBED
@given(st.binary(max_size=200))
def test_any_bytes_are_a_catalog_or_have_problems(tmp_path: Path, data: bytes) -> None:
    told(write(tmp_path, data))


@UNDISTURBED
@given(st.integers(0, len(GOOD)), st.sampled_from([*"[]{}:,&*!|>'\"%@`#?-<=\t\n\0 ", "\u2028"]))
def test_a_typing_error_anywhere_is_no_traceback(
    tmp_path: Path, place: int, character: str
) -> None:
    told(write(tmp_path, GOOD[:place] + character + GOOD[place:]))
    told(write(tmp_path, GOOD[:place] + GOOD[place + 1 :]))


def test_aliases_that_would_explode_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "an alias" in problems(write(tmp_path, "\n".join(lines)))[0]


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "#" * (MOST_BYTES + 1))
    assert "more than the 1,000,000" in problems(path)[0]


def test_a_file_without_an_end_is_refused() -> None:
    assert "more than the 1,000,000" in problems(Path("/dev/zero"))[0]


def test_of_very_many_errors_a_thousand_are_told(tmp_path: Path) -> None:
    found = problems(write(tmp_path, GOOD + "ignored: [" + "x, " * 30_000 + "]\n"))
    assert len(found) == 1001
    assert found[-1] == "and 29,000 more problems"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="No such file"):
        load_catalog(tmp_path / "none.yaml")


def test_a_directory_is_no_catalog(tmp_path: Path) -> None:
    assert problems(tmp_path) == ["Is a directory"]


def test_a_name_that_no_file_can_have_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="null"):
        load_catalog(Path("a\0b.yaml"))


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


def test_only_yaml_files_are_catalogs(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("app: shop", "app: other"), "other.yml")
    for name in ("schema.json", "notes.txt", ".hidden.yaml", "#shop.yaml", "shop.yaml~", "x.yxml"):
        write(tmp_path, "not: [a catalog", name)
    (tmp_path / "directory.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    assert load_catalogs(tmp_path).keys() - load_catalogs().keys() == {"shop", "other"}


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nothing")
    with pytest.raises(InvalidInput, match=r"gone\.yaml: No such file"):
        load_catalogs(tmp_path)


def test_a_site_whose_directory_is_that_of_the_built_in_ones_has_none_twice() -> None:
    assert load_catalogs(CATALOGS) == load_catalogs()


def test_a_directory_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(InvalidInput, match="Permission denied"):
        load_catalogs(tmp_path)


def test_a_faulty_catalog_says_which_file_stops_all_commands(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("unit: count", "unit: eggs"))
    with pytest.raises(InvalidInput) as caught:
        load_catalogs(tmp_path)
    assert str(path) in caught.value.message
    assert caught.value.remedy == f"mend {path}: no command works without it"


def test_an_unknown_application_is_answered_with_the_known_ones() -> None:
    text = unknown_app("relm", ["realm", "dataclay"])
    assert "did you mean 'realm'" in text
    assert "known are dataclay, realm" in text


@pytest.mark.parametrize("path", sorted(CATALOGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_built_in_catalogs_are_good(path: Path) -> None:
    assert load_catalog(path).app == path.stem
