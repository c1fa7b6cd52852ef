"""The templates of alerts' texts: read as Go reads them, where only a few forms can stand."""

from __future__ import annotations

import re

import pytest

from provision.alerts.texts import description, plain, summary, value_text
from provision.catalog.model import Catalog
from provision.catalog.units import Unit
from tests.catalog.builders import PLACE, above, below, catalog, gathered, silent
from tests.hostile import HOSTILE

LABELS = {"host": "w1", "city": "bonn"}


def read(template: str, labels: dict[str, str] | None = None, value: str = "7") -> str:
    """What Go makes of a template of ours: conditions on labels, labels, texts, values."""
    labels = LABELS if labels is None else labels
    pieces = re.split(r"(\{\{.*?\}\})", template)
    shown, visible = [], [True]
    for piece in pieces:
        if not piece.startswith("{{"):
            shown.append(piece if all(visible) else "")
            continue
        word = piece[2:-2].strip()
        if condition := re.fullmatch(r"if \.Labels\.(\w+)", word):
            visible.append(bool(labels.get(condition[1])))
        elif word == "else":
            visible[-1] = not visible[-1]
        elif word == "end":
            visible.pop()
        elif label := re.fullmatch(r"\.Labels\.(\w+)", word):
            shown.append(labels.get(label[1], "") if all(visible) else "")
        elif text := re.fullmatch(r'"([{$])"', word):
            shown.append(text[1] if all(visible) else "")
        else:
            assert ".Values.B.Value" in word, word
            shown.append(value if all(visible) else "")
    assert visible == [True]
    return "".join(shown)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_gives_itself_back_and_names_no_variable(text: str) -> None:
    made = plain(text)
    assert read(made) == re.sub("\r\n?|[\x85\u2028\u2029]", "\n", text)
    assert not re.search(r"\$(?!\" \}\})", made)


def test_two_texts_side_by_side_do_not_become_a_brace() -> None:
    made = plain("{") + "{{ .Labels.host }}" + plain("{x")
    assert read(made) == "{w1{x"


def told(made: Catalog, labels: dict[str, str] | None = None) -> str:
    metric = made.metrics[0]
    assert metric.condition
    return read(summary(made, metric, metric.condition), labels)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (catalog(above(0)), "Orders on w1: 7 in 5 minutes, above 0"),
        (
            catalog(above(1500, name="<city>.orders"), placeholders={"city": PLACE}),
            "Orders on w1, city bonn: 7 in 5 minutes, above 1,500",
        ),
        (
            catalog(below(5, type="gauge", unit="percent")),
            "Orders on w1: 7 percent, below 5 percent",
        ),
        (gathered(silent("5m")), "Nothing came from w1 for 5 minutes"),
    ],
)
def test_a_summary_says_what_and_where(made: Catalog, text: str) -> None:
    assert told(made) == text


def test_without_a_series_nothing_is_known() -> None:
    assert told(catalog(above(0)), {}).startswith("Orders: nothing is known")
    assert told(gathered(silent("5m")), {}).startswith("Nothing is known of any host")


def test_a_tag_that_a_series_lacks_is_left_out() -> None:
    made = catalog(above(0, name="<city>.orders"), placeholders={"city": PLACE})
    assert told(made, {"host": "w1"}) == "Orders on w1: 7 in 5 minutes, above 0"


@pytest.mark.parametrize("unit", Unit)
def test_every_unit_is_told_after_a_number(unit: Unit) -> None:
    text = value_text(unit)
    assert ".Values.B.Value" in text
    alone = {Unit.COUNT, Unit.SECONDS, Unit.RATIO}  # Grafana's functions say the unit of the latter
    assert bool(read(text, value="").strip()) is (unit not in alone)


def test_a_description_says_what_to_do() -> None:
    metric = catalog(above(0)).metrics[0]
    assert metric.condition
    assert description(metric, metric.condition) == "An order.\n\nWhat to do: Look."
