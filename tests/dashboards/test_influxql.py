from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from provision.dashboards.influxql import identifier, text

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_identifiers_are_quoted() -> None:
    assert identifier('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'
    assert text("a'b\\c\nd") == "'a\\'b\\\\c\\nd'"


@given(TEXT)
def test_any_name_stays_a_name_and_any_text_a_text(name: str) -> None:
    assert unquoted(identifier(name), '"') == name
    assert unquoted(text(name), "'") == name


def unquoted(literal: str, quote: str) -> str:
    """What InfluxDB reads of a quoted name or text.

    Source: InfluxDB 1.x documentation, InfluxQL reference, Literals: a backslash escapes the quote,
    a backslash and, as `n`, a line feed; nothing else stands after one.
    """
    assert literal[0] == literal[-1] == quote
    inner = literal[1:-1]
    assert re.fullmatch(rf"(?:[^\\\n{quote}]|\\[\\n{quote}])*", inner)
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), inner)
