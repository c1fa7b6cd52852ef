"""A database whose answers are a test's, and a few words to make them with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from provision.influx import Answer, InfluxDB, Series


class Told(InfluxDB):
    """Answers each statement by a function of it, and keeps what was asked, request by request."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.url = "http://192.0.2.1:8086"
        self.requests: list[list[str]] = []
        self._answer = answer

    def ask(self, statements: Sequence[str]) -> list[Answer]:
        self.requests.append(list(statements))
        return [self._answer(statement) for statement in statements]

    @property
    def statements(self) -> list[str]:
        return [statement for request in self.requests for statement in request]


def series(row: dict[str, Any], **tags: str) -> Series:
    """One series of one row."""
    return Series("m", tags, (row,))


def answer(*found: Series, error: str | None = None) -> Answer:
    return Answer(found, error)


def nothing(_: str) -> Answer:
    return Answer(())
