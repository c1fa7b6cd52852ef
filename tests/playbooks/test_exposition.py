"""Which pages are metrics (what the real Telegraf makes of them: tests/integration)."""

from __future__ import annotations

import time

import pytest
from ansible.module_utils.provision import exposition

from tests.expositions import REFUSED, TAKEN


@pytest.mark.parametrize("page", TAKEN.values(), ids=TAKEN)
def test_metrics_are_metrics(page: str) -> None:
    assert exposition.refused(page) == ""


@pytest.mark.parametrize("page", REFUSED.values(), ids=REFUSED)
def test_what_is_none_is_told_with_its_line(page: str) -> None:
    assert exposition.refused("# HELP a b\na 1\n" + page).startswith(("line ", "its last line"))


def test_where_it_is_and_how_it_begins_is_told() -> None:
    assert exposition.refused("a 1\n" + REFUSED["html"]) == (
        "line 2, which is no metric in Prometheus' text format: '<!DOCTYPE html>'"
    )


@pytest.mark.parametrize(
    "line",
    ["x" + " " * 60_000 + "y z w", "x{" + " " * 60_000, "x{" + 'a="b",' * 9000, "x" * 60_000],
)
def test_no_line_takes_long(line: str) -> None:
    begun = time.process_time()
    assert exposition.refused(line + "\n").startswith("line 1")
    assert time.process_time() - begun < 1
