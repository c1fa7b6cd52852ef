"""What pydantic finds wrong with a value, in the words of those who write files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BeforeValidator

# By the type of an error (Pydantic documentation, Validation errors); what stands in braces is of
# its context.
_WANTED = {
    "missing": "it is missing",
    "extra_forbidden": "no such key",
    "string_type": "a text is needed",
    "string_unicode": "a text in Unicode is needed",
    "string_too_short": "a text of at least {min_length} character is needed",
    "string_too_long": "a text of at most {max_length} characters is needed",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false is needed"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number is needed"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number is needed"),
    "finite_number": "a finite number is needed",
    "greater_than": "a number above {gt:g} is needed",
    "greater_than_equal": "a number of at least {ge} is needed",
    "less_than": "a number below {lt:g} is needed",
    "less_than_equal": "a number of at most {le} is needed",
    "literal_error": "{expected} is needed",
    "tuple_type": "a list is needed",
    "too_short": "at least {min_length} is needed",
    "too_long": "at most {max_length} are allowed",
    **dict.fromkeys(
        ("dict_type", "model_type", "model_attributes_type"),
        "keys with values (key: value) are needed",
    ),
    "union_tag_invalid": "{discriminator} is one of {expected_tags}",
    "union_tag_not_found": "it has no {discriminator}",
}


def in_words(details: Mapping[str, Any]) -> str | None:
    """What is wanted in the place of a value; None where there are no words for it here.

    details are one of ValidationError.errors().
    """
    if details["type"] == "value_error":
        return str(details["msg"]).removeprefix("Value error, ")
    wanted = _WANTED.get(str(details["type"]))
    return wanted and wanted.format(**details.get("ctx", {}))


def matching(pattern: str, words: str) -> BeforeValidator:
    """A text that is as a regular expression has it; words say what that is."""

    def check(value: object) -> str:
        if isinstance(value, int | float):  # YAML has taken 1.40 for 1.4
            raise ValueError("a text is needed: put it in quotes")
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(words)
        return value

    return BeforeValidator(check)
