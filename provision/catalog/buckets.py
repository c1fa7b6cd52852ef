"""Buckets and the patterns that documented ones follow.

This is the model of what the processor in templates/telegraf/etc/telegraf/telegraf.d/statsd.conf.j2
does on the host; tests/integration hold the two against each other with a real Telegraf.

A bucket is split at its dots. A pattern's segment is fixed, or a placeholder that takes one
segment, or a dotted placeholder that takes one or more; a pattern has at most one dotted
placeholder, so at most one way to match. No segment may be empty. A placeholder that a site sets
stands in a pattern like a dotted one until its values are fixed in it; what is matched, and held
against other patterns, is what fix() gives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TypeVar

FIXED_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
DOTTED_VALUE = re.compile(rf"{FIXED_SEGMENT.pattern}(\.{FIXED_SEGMENT.pattern})*")
PLACEHOLDER_SEGMENT = re.compile(r"<([a-z][a-z0-9_]*)>")
# How else varying parts are written: {x}, ${x}, %{x}, $x.
_ELSEWHERE = re.compile(r"[$#%]?\{+[^{}]+\}+|\$\w+")
# A segment that no documented bucket has: it follows placeholders alone.
_ANY = "~"


class Kind(StrEnum):
    """What a segment of a pattern is; the value is its mark in the rendered processor."""

    FIXED = "="
    ONE = "?"
    DOTTED = "*"


@dataclass(frozen=True, order=True)
class Segment:
    """One segment of a pattern: the text if it is fixed, otherwise the placeholder's name."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}{self.text}"


@dataclass(frozen=True)
class Pattern:
    """The segments of a documented bucket, and the placeholders' values that are fixed in it."""

    segments: tuple[Segment, ...]
    fixed: tuple[tuple[str, str], ...] = ()

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The placeholders' names, in their order; those whose values are fixed come first."""
        open_ones = [s.text for s in self.segments if s.kind is not Kind.FIXED]
        return (*(name for name, _ in self.fixed), *open_ones)

    @cached_property
    def specificity(self) -> tuple[object, ...]:
        """A key that sorts the pattern that must be tried first, first.

        More fixed segments win; then no dotted placeholder; then fixed segments further left. The
        rest of the key makes the order the same whatever order the patterns come in.
        """
        open_ones = tuple(s.kind is not Kind.FIXED for s in self.segments)
        first = (sum(open_ones) - len(open_ones), self._dotted, open_ones)
        return (*first, str(self), self.segments, self.fixed)

    @cached_property
    def _dotted(self) -> bool:
        return any(s.kind is Kind.DOTTED for s in self.segments)

    def match(self, bucket: str) -> dict[str, str] | None:
        """The placeholders' values in a bucket, or None where it does not follow the pattern."""
        parts = bucket.split(".")
        surplus = len(parts) - len(self.segments)
        if surplus < 0 or "" in parts or (surplus and not self._dotted):
            return None
        values = dict(self.fixed)
        position = 0
        for segment in self.segments:
            width = 1
            if segment.kind is Kind.DOTTED:
                width, surplus = 1 + surplus, 0
            text = ".".join(parts[position : position + width])
            if segment.kind is not Kind.FIXED:
                values[segment.text] = text
            elif segment.text != text:
                return None
            position += width
        return values

    def fix(self, values: Mapping[str, str]) -> Pattern:
        """This pattern for these values of some placeholders, which may have several segments.

        Values of placeholders that it does not have are left out. Raises ValueError for a value
        that cannot stand in a bucket.
        """
        segments: list[Segment] = []
        fixed = list(self.fixed)
        for segment in self.segments:
            if segment.kind is Kind.FIXED or segment.text not in values:
                segments.append(segment)
                continue
            value = values[segment.text]
            if not DOTTED_VALUE.fullmatch(value):
                raise ValueError(f"{value!r} cannot stand in a bucket at <{segment.text}>")
            segments += [Segment(Kind.FIXED, part) for part in value.split(".")]
            fixed.append((segment.text, value))
        return Pattern(tuple(segments), tuple(fixed))

    def fill(self, values: Mapping[str, str]) -> str:
        """The bucket with the placeholders' values put in (KeyError for one that is missing)."""
        return ".".join(s.text if s.kind is Kind.FIXED else values[s.text] for s in self.segments)

    def shapes(self, longest: int = 2) -> tuple[str, ...]:
        """Buckets that stand for all of this pattern.

        A placeholder is a text that is in no documented bucket; a dotted one has one to `longest`
        segments.
        """
        lengths = range(1, longest + 1 if self._dotted else 2)
        texts = {Kind.ONE: _ANY}
        return tuple(
            ".".join(
                s.text if s.kind is Kind.FIXED else (texts | {Kind.DOTTED: dotted})[s.kind]
                for s in self.segments
            )
            for dotted in (".".join([_ANY] * length) for length in lengths)
        )

    def within(self, other: Pattern) -> bool:
        """Whether every bucket that follows this pattern follows the other one, too."""
        # Where a dotted placeholder is longer than the whole other pattern, nothing new happens.
        longest = len(other.segments) + 1
        return all(other.match(bucket) is not None for bucket in self.shapes(longest))

    def __str__(self) -> str:
        return ".".join(s.text if s.kind is Kind.FIXED else f"<{s.text}>" for s in self.segments)


def parse_pattern(bucket: str, dotted: Collection[str], settings: Collection[str] = ()) -> Pattern:
    """Parse a documented bucket such as `realm.<hostname>.protocol.<version>.used`.

    dotted names the placeholders that span any number of segments, settings those whose values a
    site fixes. Raises ValueError for an empty segment, a character that statsd or Telegraf would
    not keep, a placeholder that stands twice and for a second dotted one.
    """
    return _parse(bucket, frozenset(dotted), frozenset(settings))


# Each bucket is parsed for each host of a site, and many times while a catalog is checked.
@lru_cache(maxsize=4096)
def _parse(bucket: str, dotted: frozenset[str], settings: frozenset[str]) -> Pattern:
    segments = []
    for part in bucket.split("."):
        if placeholder := PLACEHOLDER_SEGMENT.fullmatch(part):
            name = placeholder[1]
            spans = name in dotted or name in settings
            segments.append(Segment(Kind.DOTTED if spans else Kind.ONE, name))
        elif FIXED_SEGMENT.fullmatch(part):
            segments.append(Segment(Kind.FIXED, part))
        else:
            raise ValueError(f"segment {part!r} of bucket {bucket!r} {_no_segment(part)}")
    pattern = Pattern(tuple(segments))
    names = pattern.placeholders
    if len(set(names)) < len(names):
        raise ValueError(f"bucket {bucket!r} has the same placeholder twice")
    if sum(s.kind is Kind.DOTTED and s.text not in settings for s in segments) > 1:
        raise ValueError(
            f"bucket {bucket!r} has two dotted placeholders: they cannot be told apart"
        )
    return pattern


def _no_segment(part: str) -> str:
    """What is wrong with a part of a bucket, and how it is to be written."""
    if re.fullmatch("<[^<>]*>", part):
        rule = "a placeholder's name has small letters, digits and _, a letter first"
    elif _ELSEWHERE.fullmatch(part):
        rule = "a varying part stands in angle brackets"
    elif re.search(r"[<>{}*%$]", part):
        # Such as `*`, `%s`, `truck-<id>`.
        rule = "a varying part is a whole segment in angle brackets"
    else:
        return (
            "is neither letters, digits, _ and - nor one placeholder in angle brackets, "
            "such as <name>"
        )
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", part).lower()
    name = re.sub(r"[^a-z0-9]+", "_", words).strip("_")
    # Of `%s` and the like a letter is left, which is no name.
    proposed = f"<{name}>" if len(name) > 1 else "<name>"
    proposed = proposed if PLACEHOLDER_SEGMENT.fullmatch(proposed) else "<name>"
    return f"is not right here: {rule}; write {proposed}"


def overlap(one: Pattern, other: Pattern) -> str | None:
    """A bucket that follows both patterns, or None where there is none."""
    mine, theirs = one.segments, other.segments
    if _differ(mine, theirs) or _differ(mine[::-1], theirs[::-1]):
        return None
    # From the end: which segments of both a bucket can go on with from (i, j), and its text there.
    end = (len(mine), len(theirs))
    rest: dict[tuple[int, int], tuple[str, tuple[int, int]]] = {}
    for i in reversed(range(len(mine))):
        for j in reversed(range(len(theirs))):
            a, b = mine[i], theirs[j]
            if a.kind is b.kind is Kind.FIXED and a.text != b.text:
                continue
            # A dotted placeholder may end with this segment, or take it and go on.
            steps = [(i + 1, j + 1)]
            steps += [(i, j + 1)] if a.kind is Kind.DOTTED else []
            steps += [(i + 1, j)] if b.kind is Kind.DOTTED else []
            step = next((s for s in steps if s == end or s in rest), None)
            if step:
                text = next((s.text for s in (a, b) if s.kind is Kind.FIXED), "x")
                rest[i, j] = (text, step)
    place, found = (0, 0), []
    while place in rest:
        text, place = rest[place]
        found.append(text)
    return ".".join(found) if place == end else None


def _differ(one: Sequence[Segment], other: Sequence[Segment]) -> bool:
    """Whether fixed segments at the beginning differ: most patterns are told apart by that."""
    for a, b in zip(one, other, strict=False):
        if Kind.DOTTED in (a.kind, b.kind):
            return False
        if a.kind is b.kind is Kind.FIXED and a.text != b.text:
            return True
    return False


Documented = TypeVar("Documented")


def classify(
    bucket: str, patterns: Iterable[tuple[Pattern, Documented]]
) -> tuple[Documented, dict[str, str]] | None:
    """The documented thing a bucket belongs to, with its placeholders' values; None if to none."""
    for pattern, documented in sorted(patterns, key=lambda pair: pair[0].specificity):
        values = pattern.match(bucket)
        if values is not None:
            return documented, values
    return None
