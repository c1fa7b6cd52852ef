"""The page of reference: what it says, and that nothing in a catalog can break it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from provision.catalog.load import load_catalogs
from provision.catalog.model import Catalog
from provision.catalog.reference import anchor, example, in_words, number, reference, slug, worry
from tests.catalog.builders import (
    BUSY,
    DOTTED,
    GAUGE,
    METRIC,
    OTHER,
    PLACE,
    SETTING,
    TIMER,
    above,
    below,
    catalog,
    gathered,
    scraped,
    silent,
)

BUILT_IN = load_catalogs()
MARKDOWN = MarkdownIt("commonmark").enable("table")


def parsed(catalog: Catalog) -> list[Token]:
    return MARKDOWN.parse(reference(catalog))


def text_of(token: Token) -> str:
    """What a person reads of a heading, a paragraph or a cell."""
    parts = token.children or []
    return "".join(part.content for part in parts if part.type in {"text", "code_inline"})


def headings(tokens: list[Token]) -> list[tuple[str, str]]:
    following = itertools.pairwise(tokens)
    return [(one.tag, text_of(two)) for one, two in following if one.type == "heading_open"]


def rows(tokens: list[Token]) -> list[list[list[str]]]:
    """The cells of each table's rows."""
    tables: list[list[list[str]]] = []
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type in {"td_open", "th_open"}:
            tables[-1][-1].append(text_of(tokens[index + 1]))
    return tables


def links(tokens: list[Token]) -> list[str]:
    every = [child for token in tokens for child in token.children or []]
    return [str(child.attrs["href"]) for child in every if child.type == "link_open"]


def github_anchors(tokens: list[Token]) -> list[str]:
    """What GitHub makes of all headings of a page: the same again gets a number."""
    found: list[str] = []
    for _, text in headings(tokens):
        first, number = slug(text), 0
        while (made := f"{first}-{number}" if number else first) in found:
            number += 1
        found.append(made)
    return found


@pytest.mark.parametrize("app", BUILT_IN)
def test_each_metric_has_a_heading_and_a_row_that_leads_there(app: str) -> None:
    made = BUILT_IN[app]
    tokens = parsed(made)
    known = [text for tag, text in headings(tokens) if tag == "h3"]
    assert known == [f"{metric.name} ({metric.type})" for metric in made.metrics]
    anchors = [anchor(made, metric) for metric in made.metrics]
    assert len(set(anchors)) == len(anchors)
    assert links(tokens) == [f"#{each}" for each in anchors]
    assert github_anchors(tokens)[-len(anchors) :] == anchors
    table = rows(tokens)[-1]
    assert [row[:3] for row in table[1:]] == [[m.name, m.type, m.unit] for m in made.metrics]


@pytest.mark.parametrize("app", BUILT_IN)
def test_what_the_catalog_says_is_on_the_page(app: str) -> None:
    made = BUILT_IN[app]
    text = " ".join(text_of(token) for token in parsed(made) if token.type == "inline")
    said = [made.title, made.description, made.source]
    for metric in made.metrics:
        said += [metric.title, metric.description, made.bucket(metric), made.measurement(metric)]
        said += [*made.fields(metric), *made.tags(metric), example(made, metric)]
        said += [metric.condition.advice] if metric.condition else []
    for name, placeholder in made.placeholders.items():
        said += [name, placeholder.description, *placeholder.samples()]
    said += [entry.name for entry in made.ignored]
    assert [each for each in said if " ".join(each.split()) not in text] == []


def test_two_metrics_of_one_bucket_have_an_anchor_each() -> None:
    made = BUILT_IN["realm"]
    found = {anchor(made, m) for m in made.metrics if m.name == "protocol.bytes.received"}
    assert found == {"protocolbytesreceived-counter", "protocolbytesreceived-gauge"}


def test_names_that_differ_in_dots_alone_have_an_anchor_each_as_on_github() -> None:
    made = catalog(
        METRIC | {"name": "a.b"},
        METRIC | {"name": "ab"},
        METRIC | {"name": "a.<c>.b", "type": "set"},
        METRIC | {"name": "ac.b", "type": "set"},
        METRIC | {"name": "a-b"},
        title="ab (counter)",
        placeholders={"c": PLACE},
    )
    found = [anchor(made, metric) for metric in made.metrics]
    assert found == ["ab-counter-1", "ab-counter-2", "acb-set", "acb-set-1", "a-b-counter"]
    assert github_anchors(parsed(made))[-5:] == found


def test_an_anchor_stays_when_a_title_or_another_metric_changes() -> None:
    few, more = catalog(METRIC), catalog(OTHER, METRIC | {"title": "Another"})
    assert anchor(few, few.metrics[0]) == anchor(more, more.metrics[1])


def test_how_metrics_are_sent_is_said() -> None:
    realm, dataclay = reference(BUILT_IN["realm"]), reference(BUILT_IN["dataclay"])
    assert "statsd over UDP" in realm
    assert "`127.0.0.1:8125`" in realm
    assert "`realm.<hostname>`" in realm
    assert "statsd over TCP" in reference(BUILT_IN["tinybird-jobs"])
    django = reference(BUILT_IN["django-clickhouse"])
    assert "`django_clickhouse_prefix` says what `<prefix>` is, by default `clickhouse`." in django
    assert "`http://127.0.0.1:8000/metrics`" in dataclay
    assert "- `dataclay_targets` lists" in dataclay
    assert "- `dataclay_pushgateway`" in dataclay
    assert "nothing needs to be sent" in reference(BUILT_IN["host"])


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (catalog(), "shop.orders:1|c"),
        (catalog(GAUGE), "shop.orders:42|g"),
        (catalog(TIMER), "shop.took:320|ms"),
        (catalog(METRIC | {"type": "set"}), "shop.orders:member-1|s"),
        (catalog(BUSY, placeholders={"city": PLACE}), "shop.x.orders:1|c"),
        (
            catalog(prefix="<p>.<h>", placeholders={"p": SETTING, "h": DOTTED}),
            "shop.x.orders:1|c",
        ),
        (scraped(), "orders 1"),
        (scraped(TIMER), "took_sum 320"),
        (
            scraped(
                METRIC | {"labels": {"city": None}},
                placeholders={"city": PLACE | {"examples": ['a"\\b']}},
            ),
            'orders{city="a\\"\\\\b"} 1',
        ),
        (gathered(GAUGE | {"name": "cpu.used"}), "cpu used=42"),
        (
            gathered(
                GAUGE | {"name": "cpu.used", "labels": {"city": None}},
                placeholders={"city": PLACE | {"examples": ["a b,c=d"]}},
            ),
            r"cpu,city=a\ b\,c\=d used=42",
        ),
    ],
)
def test_an_example_is_what_is_sent_or_fetched(made: Catalog, line: str) -> None:
    assert example(made, made.metrics[0]) == line


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        (above(0), "it increases by more than 0 in 5 minutes"),
        (below(2.5, unit="bytes"), "it increases by less than 2.5 bytes in 5 minutes"),
        (above(90, type="gauge", unit="percent"), "it is above 90 percent"),
        (above(12_345_678, type="gauge"), "it is above 12,345,678"),
        (above(5, **TIMER), "its mean is above 5 milliseconds"),
        (above(5, **TIMER | {"fields": ["sum", "count"]}), "its mean is above 5 milliseconds"),
        (above(5, **TIMER | {"fields": ["upper"]}), "its upper is above 5 milliseconds"),
    ],
)
def test_when_to_worry_is_a_sentence(metric: dict[str, Any], sentence: str) -> None:
    made = catalog(metric)
    condition = made.metrics[0].condition
    assert condition
    assert worry(made, made.metrics[0], condition) == sentence
    assert sentence in reference(made)


def test_silence_and_what_lasts_are_told_in_words() -> None:
    made = gathered(silent("90m"))
    metric = made.metrics[0]
    assert metric.condition
    assert worry(made, metric, metric.condition) == "nothing of it came for 90 minutes"
    lasting = metric.condition.model_copy(update={"silent": None, "above": 1, "pending": "1d"})
    assert worry(made, metric, lasting) == "it is above 1 for 1 day"
    assert [in_words(each) for each in ("0s", "61s", "2h", "1d24h")] == [
        "0 seconds",
        "61 seconds",
        "2 hours",
        "2 days",
    ]


def test_numbers_keep_all_their_digits() -> None:
    assert [number(each) for each in (0.0, 1e7, 0.125, -3.0)] == ["0", "10,000,000", "0.125", "-3"]


def test_what_goes_away_and_what_it_was_called_is_said() -> None:
    made = catalog(METRIC | {"deprecated": "Use *x*.", "formerly": [{"name": "old"}]})
    assert r"**Deprecated.** Use \*x\*." in reference(made)
    assert "- Formerly: `old`" in reference(made)


def test_a_description_keeps_its_paragraphs() -> None:
    made = catalog(METRIC | {"description": "One\nand more.\n\n# Two"})
    inline = [text_of(token) for token in parsed(made) if token.type == "inline"]
    assert "One and more." in inline
    assert "# Two" in inline


NASTY = st.text(
    st.one_of(st.sampled_from("|`<>*_[]()#+-.!&~$\\\"' 1\n"), st.characters(codec="utf-8")),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip() and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text))
LINE = NASTY.filter(lambda text: len(text.splitlines()) == 1 and "\t" not in text)


@settings(deadline=None)
@given(LINE, NASTY, NASTY)
def test_no_text_breaks_the_page(title: str, description: str, advice: str) -> None:
    condition = {"above": 1, "severity": "info", "advice": advice}
    changes = {"title": title, "description": description, "condition": condition}
    made = catalog(
        METRIC | changes, prefix="shop.<city>", placeholders={"city": PLACE}, title=title
    )
    tokens = parsed(made)
    assert [tag for tag, _ in headings(tokens)] == ["h1", "h2", "h2", "h2", "h3"]
    assert [len(row) for table in rows(tokens) for row in table] == [4, 4, 5, 5]
    metrics = rows(tokens)[-1]
    assert metrics[1][3].split() == title.split()
    assert links(tokens) == [f"#{anchor(made, made.metrics[0])}"]
    assert {token.type for token in tokens} & {"html_block", "fence", "code_block", "hr"} == set()


@settings(deadline=None)
@given(LINE)
def test_no_value_breaks_a_table(value: str) -> None:
    place = {"description": "a place", "values": [value]}
    made = scraped(METRIC | {"labels": {"city": None}}, placeholders={"city": place})
    table = rows(parsed(made))[0]
    assert [len(row) for row in table] == [4, 4]
    assert table[1][2].split() == value.split()


def test_the_totals_of_hosts_are_named(catalogs: Mapping[str, Catalog]) -> None:
    assert "- Their total on one host: `tinybird_jobs_ok:by_host`" in reference(
        catalogs["tinybird-jobs"]
    )
    assert "total on one host" not in reference(catalogs["realm"])
