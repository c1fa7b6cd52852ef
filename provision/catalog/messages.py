"""What pydantic says of a wrong value, in words for the person who wrote the file."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Mapping
from enum import EnumType
from typing import Any

from pydantic import ValidationError

from provision.catalog.docstrings import key_docstrings
from provision.catalog.model import (
    Catalog,
    Condition,
    Input,
    Metric,
    MetricType,
    Scrape,
    input_forgotten,
)
from provision.catalog.parts import Part
from provision.catalog.subject import KeyPath
from provision.catalog.units import Unit
from provision.catalog.vocabulary import APP_NAME, IN_WORDS
from provision.validation import in_words

# What people write for a type or unit that is in no vocabulary by that name.
_MEANT: Mapping[str, Mapping[str, str]] = {
    "type": {
        **dict.fromkeys(("c", "incr", "increment", "count", "meter"), MetricType.COUNTER.value),
        **dict.fromkeys(("g", "level", "value"), MetricType.GAUGE.value),
        **dict.fromkeys(("ms", "h", "timing", "duration"), MetricType.TIMER.value),
        **dict.fromkeys(("s", "unique"), MetricType.SET.value),
    },
    "unit": {
        **dict.fromkeys(("1", "none", "number", "items", "short"), Unit.COUNT.value),
        **dict.fromkeys(("b", "byte", "octets", "by"), Unit.BYTES.value),
        **dict.fromkeys(("ns", "nanos"), Unit.NANOSECONDS.value),
        **dict.fromkeys(("us", "µs", "micros"), Unit.MICROSECONDS.value),
        **dict.fromkeys(("ms", "millis"), Unit.MILLISECONDS.value),
        **dict.fromkeys(("s", "sec", "secs"), Unit.SECONDS.value),
        **dict.fromkeys(("%", "percentage"), Unit.PERCENT.value),
        **dict.fromkeys(("fraction", "percentunit"), Unit.RATIO.value),
    },
}
_NO_TYPE = frozenset({"histogram", "summary"})
# How near a word must be to one of a vocabulary: `scans` is no `seconds`, `procent` is `percent`.
_NEAR = {"unit": 0.75}
_BOUND = "'above' or 'below'"
# What people write for a key that is called otherwise here, and what they mean.
_MEANT_KEYS: Mapping[type[Part], Mapping[str, str]] = {
    Condition: {
        **dict.fromkeys(("for", "after", "duration"), "'pending'"),
        **dict.fromkeys(("gt", "gte", "max", "maximum", "over", "greater", "upper"), "'above'"),
        **dict.fromkeys(("lt", "lte", "min", "minimum", "under", "less", "lower"), "'below'"),
        **dict.fromkeys(("threshold", "bound", "limit", "value"), _BOUND),
        **dict.fromkeys(("warn", "warning"), f"{_BOUND}, with 'severity: warning'"),
        **dict.fromkeys(("crit", "critical"), f"{_BOUND}, with 'severity: critical'"),
        **dict.fromkeys(("level", "priority"), "'severity'"),
        **dict.fromkeys(("absent", "missing", "nodata", "no_data"), "'silent'"),
        **dict.fromkeys(("description", "message", "runbook", "summary"), "'advice'"),
    },
    Metric: {
        **dict.fromkeys(("alert", "alerts", "conditions", "threshold"), "'condition'"),
        **dict.fromkeys(("help", "text"), "'description'"),
        **dict.fromkeys(("quantiles", "histogram"), "'percentiles'"),
        **dict.fromkeys(("aliases", "former_names", "renamed"), "'formerly'"),
        "group": "'family'",
    },
}
_TAGS = frozenset({"dimensions", "tag", "tags"})
_ADDRESS = frozenset({"address", "host", "hostname", "hosts", "target", "targets", "url", "urls"})


def telling(error: ValidationError) -> list[Any]:
    """All but the echoes: a list is not too short as well because its entries are wrong."""
    errors = error.errors()
    places = [tuple(details["loc"]) for details in errors]
    return [
        details
        for details in errors
        if details["type"] != "too_short"
        or not any(
            place[:-1] and place[: len(details["loc"])] == details["loc"]
            for place in places
            if place != details["loc"]
        )
    ]


def explain(
    details: Mapping[str, Any], path: KeyPath, whole: object = None
) -> tuple[str, str | None]:
    """What is wrong at a key path, and a hint; details are one of ValidationError.errors().

    whole is all that the file says, where it is a catalog.
    """
    catalog: Mapping[str, Any] = whole if isinstance(whole, dict) else {}
    kind, value = str(details["type"]), details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "missing":
        return "missing", _described(path)
    if kind == "extra_forbidden":
        return "no such key", _near_key(path, catalog)
    if kind == "enum":
        return f"{shown(value)} is not {context['expected']}", _near_word(value, path, catalog)
    if kind == "string_pattern_mismatch":
        words = IN_WORDS.get(str(context["pattern"]), f"it must match {context['pattern']}")
        return f"{shown(value)} is not right here: {words}", None
    wanted = in_words(details)
    if wanted is None:
        return f"{details['msg']} (found {shown(value)})", None
    if kind == "value_error":
        return wanted, None
    text = f"{wanted}, not {shown(value)}"
    if kind == "string_type" and value is not None and not isinstance(value, list | dict):
        return text, "quote it"
    if kind == "tuple_type" and isinstance(value, str):
        return text, f"a list of one is [{value[:40]}]" if value.isalnum() else None
    return text, None


def shown(value: object) -> str:
    """A value of the file in some words, whatever it is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "keys with values"
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a very large number"
    # A text is shown in ASCII where it could do something to the screen.
    text = text if text.isprintable() else ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def part_at(path: KeyPath) -> type[Part] | None:
    """The part of a catalog that a key path leads to."""
    part: type[Part] | None = Catalog
    inside = False
    for key in path:
        if inside:  # an index, or the name of a placeholder
            inside = False
            continue
        field = part.model_fields.get(str(key)) if part else None
        if field is None:
            return None
        part = next(iter(_parts(field.annotation)), None)
        inside = typing.get_origin(field.annotation) in {dict, tuple}
    return None if inside else part


def _parts(annotation: Any) -> Iterable[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _parts(inner)


def _described(path: KeyPath) -> str | None:
    """What a missing key is for, as the model says it."""
    part = part_at(path[:-1])
    text = key_docstrings(part).get(str(path[-1])) if part else None
    if not text:
        return None
    text = " ".join(text.split()).rstrip(".")
    return text[0].lower() + text[1:]


def _input_of(catalog: Mapping[str, Any]) -> object:
    """What a catalog says of its input, or means where it says nothing."""
    by_default = Input.PROMETHEUS if input_forgotten(catalog) else Input.STATSD
    return catalog.get("input", by_default)


def _near_key(path: KeyPath, catalog: Mapping[str, Any]) -> str | None:
    part = part_at(path[:-1])
    if part is None:
        return None
    word = str(path[-1]).lower()
    if part is Metric and word in _TAGS and _input_of(catalog) == Input.STATSD:
        return "the varying parts of a bucket stand in its name, as <city>"
    if part is Metric and word in _TAGS:
        return "did you mean 'labels'?"
    if part is Scrape and word in _ADDRESS:
        app = str(catalog.get("app", ""))
        stem = app.replace("-", "_") if re.fullmatch(APP_NAME, app) else "<app>"
        return f"an inventory says where else it is scraped: {stem}_targets: [host:port]"
    if meant := _MEANT_KEYS.get(part, {}).get(word):
        return f"did you mean {meant}?"
    known = list(part.model_fields)
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _near_word(value: object, path: KeyPath, catalog: Mapping[str, Any]) -> str | None:
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    part = part_at(path[: path.index(key)]) if key else None
    field = part.model_fields.get(key) if part else None
    word = str(value).lower() if isinstance(value, str | int) else ""
    meant = _MEANT.get(key, {}).get(word)
    if key == "type" and word in _NO_TYPE and _input_of(catalog) != Input.TELEGRAF:
        meant = MetricType.TIMER.value
    if meant is None and field is not None:
        near = difflib.get_close_matches(
            word, _words(field.annotation), n=1, cutoff=_NEAR.get(key, 0.6)
        )
        meant = near[0] if near else None
    if meant is None and key == "unit" and word and not isinstance(value, bool):
        return "what is counted has the unit count, and so has what none of them fits"
    return f"did you mean {meant!r}?" if meant else None


def _words(annotation: Any) -> list[str]:
    """The words of the vocabulary that a key takes."""
    if isinstance(annotation, EnumType):
        members: Mapping[str, Any] = annotation.__members__
        return [str(member) for member in members.values()]
    return [word for inner in typing.get_args(annotation) for word in _words(inner)]
