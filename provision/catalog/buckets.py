"""Buckets and the patterns that documented ones follow.

This is the model of what the processor in templates/telegraf/etc/telegraf/telegraf.d/statsd.conf.j2
does on the host; tests/integration hold the two against each other with a real Telegraf.

A bucket is split at its dots. A pattern's segment is fixed, or a placeholder that takes one
segment, or a dotted placeholder that takes one or more; a pattern has at most one dotted
placeholder, so at most one way to match. No segment may be empty. A placeholder that a site sets
stands in a pattern like a dotted one until its values are fixed in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TypeVar

FIXED_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
DOTTED_VALUE = re.compile(rf"{FIXED_SEGMENT.pattern}(\.{FIXED_SEGMENT.pattern})*")
PLACEHOLDER_SEGMENT = re.compile(r"<([a-z][a-z0-9_]*)>")


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

    @property
    def specificity(self) -> tuple[object, ...]:
        """A key that sorts the pattern that must be tried first, first.

        More fixed segments win; then no dotted placeholder; then fixed segments further left.
        """
        fixed = sum(s.kind is Kind.FIXED for s in self.segments)
        dotted = any(s.kind is Kind.DOTTED for s in self.segments)
        return (-fixed, dotted, tuple(s.kind is not Kind.FIXED for s in self.segments), str(self))

    def match(self, bucket: str) -> dict[str, str] | None:
        """The placeholders' values in a bucket, or None where it does not follow the pattern."""
        parts = bucket.split(".")
        surplus = len(parts) - len(self.segments)
        if surplus < 0 or "" in parts:
            return None
        if surplus and not any(s.kind is Kind.DOTTED for s in self.segments):
            return None
        values = dict(self.fixed)
        position = 0
        for segment in self.segments:
            width = 1 + surplus if segment.kind is Kind.DOTTED else 1
            text = ".".join(parts[position : position + width])
            if segment.kind is not Kind.FIXED:
                values[segment.text] = text
            elif segment.text != text:
                return None
            position += width
        return values

    def fix(self, values: Mapping[str, str]) -> Pattern:
        """This pattern for these values of some placeholders, which may have several segments."""
        segments: list[Segment] = []
        for segment in self.segments:
            if segment.kind is not Kind.FIXED and segment.text in values:
                parts = values[segment.text].split(".")
                segments += [Segment(Kind.FIXED, part) for part in parts]
            else:
                segments.append(segment)
        return Pattern(tuple(segments), (*self.fixed, *values.items()))

    def fill(self, values: Mapping[str, str]) -> str:
        """The bucket with the placeholders' values put in (KeyError for one that is missing)."""
        return ".".join(s.text if s.kind is Kind.FIXED else values[s.text] for s in self.segments)

    def shapes(self) -> tuple[str, ...]:
        """Buckets that stand for all of this pattern: with placeholders of one segment, and of
        two where they are dotted, of a text that is in no other pattern.
        """
        return tuple(
            ".".join(
                s.text if s.kind is Kind.FIXED else dotted if s.kind is Kind.DOTTED else "~"
                for s in self.segments
            )
            for dotted in ("~", "~.~")
        )

    def __str__(self) -> str:
        return ".".join(s.text if s.kind is Kind.FIXED else f"<{s.text}>" for s in self.segments)


def parse_pattern(bucket: str, dotted: Collection[str], settings: Collection[str] = ()) -> Pattern:
    """Parse a documented bucket such as `realm.<hostname>.protocol.<version>.used`.

    dotted names the placeholders that span any number of segments, settings those whose values a
    site fixes. Raises ValueError for an empty
    segment, a character that statsd or Telegraf would not keep, a placeholder that stands twice and
    for a second dotted one.
    """
    segments = []
    for part in bucket.split("."):
        if placeholder := PLACEHOLDER_SEGMENT.fullmatch(part):
            name = placeholder[1]
            spans = name in dotted or name in settings
            segments.append(Segment(Kind.DOTTED if spans else Kind.ONE, name))
        elif FIXED_SEGMENT.fullmatch(part):
            segments.append(Segment(Kind.FIXED, part))
        else:
            raise ValueError(
                f"segment {part!r} of bucket {bucket!r} is neither letters, digits, _ and - "
                "nor one placeholder in angle brackets"
            )
    pattern = Pattern(tuple(segments))
    names = pattern.placeholders
    if len(set(names)) < len(names):
        raise ValueError(f"bucket {bucket!r} has the same placeholder twice")
    if sum(s.kind is Kind.DOTTED and s.text not in settings for s in segments) > 1:
        raise ValueError(
            f"bucket {bucket!r} has two dotted placeholders: they cannot be told apart"
        )
    return pattern


def overlap(one: Pattern, other: Pattern) -> str | None:
    """A bucket that follows both patterns, or None where there is none."""

    @cache
    def rest(i: int, j: int) -> tuple[str, ...] | None:
        """The segments of a bucket that follows both from these on; `~` may be any text."""
        if i == len(one.segments) or j == len(other.segments):
            both = i == len(one.segments) and j == len(other.segments)
            return () if both else None
        mine, theirs = one.segments[i], other.segments[j]
        if mine.kind is theirs.kind is Kind.FIXED and mine.text != theirs.text:
            return None
        text = next((s.text for s in (mine, theirs) if s.kind is Kind.FIXED), "~")
        # A dotted placeholder may take this segment and go on, or end with it.
        steps = [(i + 1, j + 1)]
        steps += [(i, j + 1)] if mine.kind is Kind.DOTTED else []
        steps += [(i + 1, j)] if theirs.kind is Kind.DOTTED else []
        for step in steps:
            following = rest(*step)
            if following is not None:
                return (text, *following)
        return None

    found = rest(0, 0)
    return None if found is None else ".".join(found).replace("~", "x")


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
