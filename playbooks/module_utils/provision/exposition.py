"""Prometheus' text format, as far as Telegraf takes nothing of a page for one line of it.

Source: github.com/prometheus/common, expfmt/text_parse.go, which Telegraf's parser is made of. What
is let pass here and refused there is told by Telegraf's journal alone.
"""

from __future__ import annotations

import re
from typing import Set, Tuple

_LABEL = r'[A-Za-z_]\w*[ \t]*=[ \t]*"(?:[^"\\]|\\[\\"n])*"'
#: A name, labels, a value, the time.
_SAMPLE = re.compile(
    r"[ \t]*(?P<name>[A-Za-z_:][\w:]*)"
    r"(?:[ \t]*\{[ \t]*(?:%s[ \t]*(?:,[ \t]*%s[ \t]*)*(?:,[ \t]*)?)?\})?"
    r"[ \t]*(?P<value>[^ \t]+)(?:[ \t]+-?\d+)?[ \t]*" % (_LABEL, _LABEL),
    re.ASCII,
)
_VALUE = re.compile(
    r"[+-]?(?:nan|inf|infinity|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)", re.IGNORECASE | re.ASCII
)
_COMMENT = re.compile(r"[ \t]*#[ \t]*(?:(HELP|TYPE)[ \t]+(\S+)[ \t]*(.*))?")
_TYPES = frozenset(
    ["counter", "gauge", "summary", "untyped", "histogram", "gauge_histogram", "gaugehistogram"]
)
#: A line that is longer is no place to look for a mistake.
_LONGEST = 1 << 16


def refused(page: str) -> str:
    """Why Telegraf would take nothing of a page, in words; nothing where it would."""
    lines = page.split("\n")
    told: Set[Tuple[str, str]] = set()
    for number, line in enumerate(lines, 1):
        said = line.lstrip(" \t")
        if not said or len(line) > _LONGEST:
            continue
        why = _comment(line, told) if said.startswith("#") else _sample(line, told)
        if why:
            return "line %d, %s: %.60r" % (number, why, line.strip())
    return "its last line does not end" if lines[-1] else ""


def _comment(line: str, told: Set[Tuple[str, str]]) -> str:
    match = _COMMENT.match(line)
    if match is None or not match.group(1):
        return ""
    kind, name, rest = match.groups()
    if not rest:
        return ""
    if kind == "TYPE" and rest.strip(" \t").lower() not in _TYPES:
        return "there is no such type"
    if (kind, name) in told or (kind == "TYPE" and ("", name) in told):
        return "%s of %s comes twice, or after its values" % (kind, name)
    told.add((kind, name))
    return ""


def _sample(line: str, told: Set[Tuple[str, str]]) -> str:
    match = _SAMPLE.fullmatch(line)
    if match is None or not _VALUE.fullmatch(match.group("value")):
        return "which is no metric in Prometheus' text format"
    told.add(("", match.group("name")))
    return ""
