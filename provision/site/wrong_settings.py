"""What is wrong with a host's variables: where people wrote it, and what they may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from provision.alerts.contacts import KINDS
from provision.errors import Problem
from provision.validation import in_words
from provision.values import found_text


def problem(details: Mapping[str, Any], host: str, file: str) -> Problem:
    """One of ValidationError.errors(), as a problem of a host."""
    path = list(details["loc"])
    kind = KINDS.get(str(path[2])) if path[0] == "grafana_contacts" and len(path) > 2 else None
    if kind:
        del path[2]  # by which Pydantic chose among several: nobody wrote it there
    known: Iterable[str] = ()
    if details["type"] == "extra_forbidden":  # it may be a secret that was put there
        what, word = "no such key; secrets go into the secrets file", path[-1]
        known = kind.model_fields if kind else ()
    else:
        word = details["input"]
        expected = details.get("ctx", {}).get("expected", "")
        wanted = f"{expected} is needed" if details["type"] == "enum" else in_words(details)
        what = f"{wanted or details['msg']} (found {found_text(word)})"
        known = re.findall("'([^']*)'", str(expected))
    near = difflib.get_close_matches(str(word), [*known], n=1)
    hint = f"did you mean {near[0]}?" if near else None
    return Problem(file, ".".join(map(str, path)), what, hint, host=host)
