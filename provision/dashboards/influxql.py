"""Names, texts and conditions of InfluxQL, which InfluxDB 1, 2 and 3 all speak."""

from __future__ import annotations

from collections.abc import Sequence

_IDENTIFIER = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_TEXT = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})


def source(measurements: Sequence[str]) -> str:
    """What FROM says of some measurements."""
    return ", ".join(map(identifier, measurements))


def identifier(name: str) -> str:
    """A quoted InfluxQL identifier."""
    return f'"{name.translate(_IDENTIFIER)}"'


def text(value: str) -> str:
    """A quoted InfluxQL string."""
    return f"'{value.translate(_TEXT)}'"


def where(tags: Sequence[str]) -> str:
    """The condition that follows the dashboard's variables: each is a choice of tag values."""
    return " AND ".join([f"{identifier(tag)} =~ /^${{{tag}:regex}}$/" for tag in tags])
