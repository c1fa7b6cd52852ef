"""Units, and what Grafana calls them."""

from __future__ import annotations

import pytest

from provision.catalog.units import TIMES, Unit, grafana_unit


def test_every_unit_has_a_name_of_its_own_in_grafana() -> None:
    names = [grafana_unit(unit) for unit in Unit]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("unit", "name"), [(Unit.COUNT, "cps"), (Unit.BYTES, "Bps"), (Unit.BITS, "bps")]
)
def test_what_is_counted_is_shown_a_second(unit: Unit, name: str) -> None:
    assert grafana_unit(unit, per_second=True) == name


def test_a_rate_that_grafana_has_no_name_for_is_a_plain_number() -> None:
    others = [*TIMES, Unit.PERCENT, Unit.RATIO]
    assert {grafana_unit(unit, per_second=True) for unit in others} == {"short"}
