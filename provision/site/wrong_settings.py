"""What is wrong with a host's variables: where people wrote it, and what they may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provision.alerts.contacts import KINDS
from provision.errors import Problem
from provision.validation import in_words
from provision.values import found_text

_CONTACTS = "grafana_contacts"


def problem(details: Mapping[str, Any], host: str, file: str) -> Problem:
    """One of ValidationError.errors(), as a problem of a host."""
    path = list(details["loc"])
    contact = path[0] == _CONTACTS
    kind = KINDS.get(str(path[2])) if contact and len(path) > 2 else None
    if kind:
        del path[2]  # by which Pydantic chose among several: nobody wrote it there
    known: Iterable[str] = ()
    if details["type"] == "extra_forbidden":  # it may be a secret that was put there
        what, word = "no such key; secrets go into the secrets file", path[-1]
        known = kind.model_fields if kind else ()
    else:
        word = _of_contact(details, path) if contact else details["input"]
        context = details.get("ctx", {})
        expected = context.get("expected", context.get("expected_tags", ""))
        wanted = f"{expected} is needed" if details["type"] == "enum" else in_words(details)
        found = "" if contact and word is None else f" (found {found_text(word)})"
        what = f"{wanted or details['msg']}{found}"
        known = re.findall("'([^']*)'", str(expected))
    near = difflib.get_close_matches(str(word), [*known], n=1)
    hint = f"did you mean {near[0]}?" if near else None
    return Problem(file, ".".join(map(str, path)), what, hint, host=host)


def _of_contact(details: Mapping[str, Any], path: Sequence[Any]) -> Any:
    """What is wrong of a contact and can be told: the value of a key that there is, or its type.

    What stands in the place of a contact, or beside what it lacks, may be a secret.
    """
    given = details["input"]
    if details["type"] == "union_tag_invalid":
        given = given.get("type")
        return given if isinstance(given, str) else None
    return None if isinstance(given, Mapping) or len(path) < 3 else given
