"""A query as far as the rules read it: what is asked of which field, where, when, by what.

Source: InfluxDB 1.8 documentation, Influx Query Language (InfluxQL) reference.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provision.catalog.series import TOTALS
from provision.dashboards.check.tokens import Token, tokens
from provision.dashboards.variables import TOTALS_CHOSEN

_CLAUSES = frozenset({"WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET", "SLIMIT", "SOFFSET"})
_AFTER_GROUPS = frozenset({"FILL", "TZ"})
# Words of the language that stand where identifiers do.
_NO_NAMES = frozenset(
    {
        *(
            "SELECT",
            "FROM",
            "WHERE",
            "GROUP",
            "BY",
            "ORDER",
            "ASC",
            "DESC",
            "AND",
            "OR",
            "AS",
            "IN",
        ),
        *(
            "LIMIT",
            "OFFSET",
            "SLIMIT",
            "SOFFSET",
            "FILL",
            "TZ",
            "NONE",
            "NULL",
            "LINEAR",
            "PREVIOUS",
        ),
        *("TIME", "NOW", "TRUE", "FALSE", "DISTINCT", "TAG", "FIELD", "FLOAT", "INTEGER", "STRING"),
        *("BOOLEAN", "NS", "U", "MS", "S", "M", "H", "D", "W"),
    }
)
MOST_NESTED = 20


@dataclass(frozen=True)
class Asked:
    """A field of a measurement, the functions it goes through (the first first), and its column."""

    measurements: tuple[str, ...]
    field: str
    functions: tuple[str, ...]
    column: str


@dataclass(frozen=True)
class Select:
    """One SELECT; inner are those that it reads from."""

    columns: tuple[tuple[Token, ...], ...]
    measurements: tuple[str, ...]
    inner: tuple[Select, ...]
    where: tuple[Token, ...]
    groups: tuple[Token, ...]
    fill: str
    bare: tuple[str, ...]

    def every(self) -> Iterator[Select]:
        """This one, and those inside."""
        yield self
        for each in self.inner:
            yield from each.every()

    @property
    def intervals(self) -> list[str]:
        """What time() of GROUP BY has in it."""
        pairs = zip(self.groups, self.groups[1:], self.groups[2:], strict=False)
        return [third.text for first, second, third in pairs if (first.key, second.key) == _TIME]

    def asked(self) -> list[Asked]:
        """Every field that is asked for, with all functions around it, inside and out."""
        inner = [asked for each in self.inner for asked in each.asked()]
        found = []
        for column in self.columns:
            name = _column_name(column)
            for field, functions in _calls(column):
                if self.measurements:
                    found.append(Asked(self.measurements, field, functions, name))
                found += [
                    Asked(each.measurements, each.field, (*each.functions, *functions), name)
                    for each in inner
                    if each.column == field
                ]
        return found


_TIME = ("TIME", "(")


def parse(text: str) -> list[Select]:
    """The statements of a query; ValueError where it is not one that can be read."""
    rest = list(tokens(text))
    found = []
    while rest:
        reader = _Reader(rest)
        found.append(reader.select(0))
        rest = rest[reader.at :]
        if rest and rest[0].text != ";":
            raise ValueError(f"what is {rest[0].text[:40]} for?")
        rest = rest[1:]
    if not found:
        raise ValueError("there is nothing in it")
    return found


class _Reader:
    """Takes one statement apart."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self.at = 0

    def select(self, depth: int) -> Select:
        """A SELECT, up to its end or the bracket that closes it."""
        if depth > MOST_NESTED:
            raise ValueError("SELECTs are nested too deeply")
        self._expect("SELECT")
        columns = _split(self._until({"FROM"}))
        self._expect("FROM")
        measurements, inner, bare = self._sources(depth)
        where: list[Token] = []
        groups: list[Token] = []
        fill = ""
        while (key := self._key()) and key not in {")", ";"}:
            self.at += 1
            if key == "GROUP":
                self._expect("BY")
                groups += self._until(_CLAUSES | _AFTER_GROUPS)
            elif key == "FILL":
                fill = "".join(t.text for t in self._until(_CLAUSES | {"TZ"})).strip("()").lower()
            elif key == "WHERE":
                where += self._until(_CLAUSES - {"WHERE"})
            elif key in _CLAUSES or key == "TZ":
                self._until(_CLAUSES)
            else:
                raise ValueError(f"what is {key[:40]} for?")
        for part in (*columns, where, groups):
            bare += _bare(part)
        return Select(
            tuple(map(tuple, columns)),
            tuple(measurements),
            tuple(inner),
            tuple(where),
            tuple(groups),
            fill,
            tuple(dict.fromkeys(bare)),
        )

    def _sources(self, depth: int) -> tuple[list[str], list[Select], list[str]]:
        measurements: list[str] = []
        inner: list[Select] = []
        bare: list[str] = []
        while True:
            if self._key() == "(":
                self.at += 1
                inner.append(self.select(depth + 1))
                self._expect(")")
            else:
                name = self._take()
                while self._key() == ".":  # database.policy.measurement
                    self.at += 1
                    if self._key() != ".":
                        name = self._take()
                if name.kind == "word":
                    bare.append(name.text)
                quoted = name.kind == "identifier"
                asked = name.name if quoted else name.text
                # Hosts' totals are of what the metric is of.
                measurements.append(asked.removesuffix(TOTALS_CHOSEN).removesuffix(TOTALS))
            if self._key() != ",":
                return measurements, inner, bare
            self.at += 1

    def _until(self, stop: frozenset[str] | set[str]) -> list[Token]:
        """The tokens up to a word outside of brackets, or the end of this statement."""
        found, depth = [], 0
        while self.at < len(self._tokens):
            token = self._tokens[self.at]
            if depth == 0 and (token.key in stop or token.key in {")", ";"}):
                break
            depth += (token.key == "(") - (token.key == ")")
            found.append(token)
            self.at += 1
        return found

    def _key(self) -> str:
        if self.at >= len(self._tokens):
            return ""
        token = self._tokens[self.at]
        return token.key or token.text

    def _take(self) -> Token:
        if self.at >= len(self._tokens):
            raise ValueError("it ends too early")
        self.at += 1
        return self._tokens[self.at - 1]

    def _expect(self, key: str) -> None:
        if self._key() != key:
            raise ValueError(f"{key} is missing")
        self.at += 1


def _split(tokens: Sequence[Token]) -> list[list[Token]]:
    """What commas outside of brackets divide."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.key == "(") - (token.key == ")")
        if token.key == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _column_name(column: Sequence[Token]) -> str:
    """What a column is called outside: its alias, its function, or the field's name."""
    for token, after in itertools.pairwise(column):
        if token.key == "AS":
            return after.name if after.kind == "identifier" else after.text
    first = column[0] if column else Token("mark", "")
    return first.name if first.kind == "identifier" else first.text.lower()


def _calls(column: Sequence[Token]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The fields in a column, each with the functions around it, the inner ones first."""
    stack: list[str] = []
    before = Token("mark", "")
    for token, after in _pairs(column):
        if token.key == "AS":
            return
        if token.key == "(":
            stack.append(before.text.lower() if before.kind == "word" else "")
        elif token.key == ")":
            del stack[-1:]
        elif token.kind == "identifier" or (token.key, before.key) == ("*", "("):
            name = token.name if token.kind == "identifier" else "*"
            yield name, tuple(each for each in reversed(stack) if each)
        elif _unquoted(token, after) and before.key != "::":
            yield token.text, tuple(each for each in reversed(stack) if each)
        before = token


def _bare(tokens: Sequence[Token]) -> list[str]:
    """Identifiers without quotes."""
    found = []
    before = ""
    for token, after in _pairs(tokens):
        if _unquoted(token, after) and before not in {"AS", "::"}:
            found.append(token.text)
        before = token.key
    return found


def _unquoted(token: Token, after: Token) -> bool:
    """Whether a word is an identifier, and not one of the language or a function."""
    return token.kind == "word" and token.key not in _NO_NAMES and after.key != "("


def _pairs(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    """Each token with the one after it."""
    return zip(tokens, [*tokens[1:], Token("mark", "")][: len(tokens)], strict=True)
