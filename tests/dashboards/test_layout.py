from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.dashboards.layout import COLUMNS, Heading, identity, lay_out
from provision.dashboards.model import GRAPH, NUMBER, Kind, Panel, Position, Row, Size


def panel(number: int, size: Size = GRAPH) -> Panel:
    kind = Kind.STAT if size is NUMBER else Kind.GRAPH
    return Panel(number, kind, size, f"panel {number}", "", "short", (), ())


def cells(place: Position) -> set[tuple[int, int]]:
    return {
        (x, y) for x in range(place.x, place.x + place.w) for y in range(place.y, place.y + place.h)
    }


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from([GRAPH, NUMBER]), max_size=12), st.booleans()),
        max_size=5,
    )
)
def test_no_two_panels_overlap_and_none_is_lost(
    drawn: list[tuple[list[Size], bool]],
) -> None:
    rows = lay_out(
        [
            Heading(f"row {index}", [panel(7, size) for size in sizes], collapsed)
            for index, (sizes, collapsed) in enumerate(drawn)
        ]
    )
    assert [len(row.panels) for row in rows] == [len(sizes) for sizes, _ in drawn if sizes]
    taken: set[tuple[int, int]] = set()
    for row in rows:
        own = [row.position, *(() if row.collapsed else (p.position for p in row.panels))]
        for place in own:
            assert place.x + place.w <= COLUMNS
            assert not taken & cells(place)
            taken |= cells(place)
    ids = [each.id for row in rows for each in (row, *row.panels)]
    assert len(set(ids)) == len(ids)


def widths(rows: tuple[Row, ...]) -> list[list[int]]:
    lines: dict[int, list[int]] = {}
    for each in rows[0].panels:
        lines.setdefault(each.position.y, []).append(each.position.w)
    return list(lines.values())


@pytest.mark.parametrize(
    ("number", "size", "lines"),
    [
        (1, GRAPH, [[24]]),
        (2, GRAPH, [[12, 12]]),
        (3, GRAPH, [[12, 12], [24]]),
        (4, GRAPH, [[12, 12], [12, 12]]),
        (5, GRAPH, [[12, 12], [12, 12], [24]]),
        (5, NUMBER, [[5, 5, 5, 5, 4]]),
        (7, NUMBER, [[6, 6, 6, 6], [8, 8, 8]]),
    ],
)
def test_lines_are_full_and_about_as_long(number: int, size: Size, lines: list[list[int]]) -> None:
    assert widths(lay_out([Heading("x", [panel(i, size) for i in range(number)])])) == lines


def test_what_is_collapsed_takes_no_room() -> None:
    rows = lay_out([Heading("a", [panel(1)], collapsed=True), Heading("b", [panel(2)])])
    assert [row.position.y for row in rows] == [0, 1]


def test_a_panel_keeps_its_id_while_what_it_is_about_keeps_its_name() -> None:
    assert identity("graph", "a") == identity("graph", "a") != identity("graph", "b")
    # Grafana keeps an id in 64 bits, JavaScript exactly in 53.
    assert 0 <= identity("graph", "a") < 2**31
    (before,) = lay_out([Heading("x", [panel(1), panel(2)])])
    (after,) = lay_out([Heading("x", [panel(3), panel(2), panel(1)])])
    assert {p.title: p.id for p in before.panels} == {
        p.title: p.id for p in after.panels if p.title != "panel 3"
    }
