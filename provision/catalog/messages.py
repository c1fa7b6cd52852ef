"""What pydantic says of a wrong value, in words for the person who wrote the file."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from enum import EnumType
from typing import Any

from pydantic import ValidationError

from provision.catalog.docstrings import key_docstrings
from provision.catalog.model import Catalog, MetricType
from provision.catalog.parts import Part
from provision.catalog.subject import KeyPath
from provision.catalog.units import Unit
from provision.catalog.vocabulary import IN_WORDS
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
_NO_TYPE = {
    "histogram": "document its _count and _sum as counters",
    "summary": "document its _count and _sum as counters",
}


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


def explain(details: Mapping[str, Any], path: KeyPath) -> tuple[str, str | None]:
    """What is wrong at a key path, and a hint; details are one of ValidationError.errors()."""
    kind, value = str(details["type"]), details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "missing":
        return "missing", _described(path)
    if kind == "extra_forbidden":
        return "no such key", _near_key(path)
    if kind == "enum":
        return f"{shown(value)} is not {context['expected']}", _near_word(value, path)
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


def _near_key(path: KeyPath) -> str | None:
    part = part_at(path[:-1])
    if part is None:
        return None
    known = list(part.model_fields)
    near = difflib.get_close_matches(str(path[-1]).lower(), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _near_word(value: object, path: KeyPath) -> str | None:
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    part = part_at(path[: path.index(key)]) if key else None
    field = part.model_fields.get(key) if part else None
    word = str(value).lower() if isinstance(value, str | int) else ""
    if key == "type" and word in _NO_TYPE:
        return _NO_TYPE[word]
    meant = _MEANT.get(key, {}).get(word)
    if meant is None and field is not None:
        near = difflib.get_close_matches(word, _words(field.annotation), n=1)
        meant = near[0] if near else None
    return f"did you mean {meant!r}?" if meant else None


def _words(annotation: Any) -> list[str]:
    """The words of the vocabulary that a key takes."""
    if isinstance(annotation, EnumType):
        members: Mapping[str, Any] = annotation.__members__
        return [str(member) for member in members.values()]
    return [word for inner in typing.get_args(annotation) for word in _words(inner)]
