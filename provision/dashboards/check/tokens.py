"""The words of a query, and the variables of Grafana in any text.

Source: InfluxDB 1.8 documentation, InfluxQL reference; Grafana documentation, Variable syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    |(?P<identifier>"(?:\\.|[^"\\])*")
    |(?P<string>'(?:\\.|[^'\\])*')
    |(?P<variable>\$\{[^}]*\}|\[\[[^\]]*\]\]|\$\w+)
    |(?P<number>\d+(?:\.\d+)?[a-zµ]*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<mark>=~|!~|!=|<>|<=|>=|::|[-+*/%(),.;=<>:|&^\[\]])""",
    re.VERBOSE,
)
_REGEX = re.compile(r"/(?:\\.|[^/\\\n])+/")
_BEFORE_REGEX = frozenset({"=~", "!~", "(", ",", "BY", "FROM", "SELECT"})


@dataclass(frozen=True)
class Token:
    """A word of a query and what it is."""

    kind: str
    text: str

    @property
    def key(self) -> str:
        """A word or mark for comparing; anything else is nobody's key."""
        return self.text.upper() if self.kind in {"word", "mark"} else ""

    @property
    def name(self) -> str:
        """An identifier without its quotes."""
        return re.sub(r"\\(.)", r"\1", self.text[1:-1])


def tokens(text: str) -> Iterator[Token]:
    """The words of a query; ValueError where one cannot be told."""
    at, before = 0, ""
    while at < len(text):
        match = _REGEX.match(text, at) if before in _BEFORE_REGEX else None
        kind = "regex" if match else None
        match = match or _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"it cannot be read from {text[at : at + 30]!r} on")
        at = match.end()
        kind = kind or str(match.lastgroup)
        if kind != "space":
            token = Token(kind, match.group())
            before = token.key or kind
            yield token


def variables(text: str) -> set[str]:
    """The names of the variables of Grafana in a text, in any of its three forms."""
    forms = re.findall(r"\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\]|\$(\w+)", text)
    return {name for form in forms for name in form if name}
