"""The JSON Schema of catalogs, by which an editor completes and checks them."""

from __future__ import annotations

from typing import Any

from provision.catalog.docstrings import key_docstrings
from provision.catalog.model import ONLY_WITH, Catalog, Input
from provision.catalog.parts import Part

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:provision:catalog"
_NEEDED = {Input.STATSD: ["prefix"], Input.PROMETHEUS: ["scrape"], Input.TELEGRAF: []}


def schema() -> dict[str, Any]:
    """The schema of one catalog file, of draft 2020-12.

    It has the shape of a file: keys, vocabularies, forms. What holds between its parts is linted.
    """
    made: dict[str, Any] = Catalog.model_json_schema()
    # Others have parts of their own, which are no part of a catalog.
    inner = [part for part in Part.__subclasses__() if part.__module__ == Part.__module__]
    shapes: list[tuple[type[Part], Any]] = [(Catalog, made)]
    shapes += [(part, made["$defs"][part.__name__]) for part in inner]
    for part, shape in shapes:
        for key, text in key_docstrings(part).items():
            shape["properties"][key]["description"] = text
    made = _tidy(made)
    made["$defs"]["Condition"]["oneOf"] = [
        {"required": [key]} for key in ("above", "below", "silent")
    ]
    made["allOf"] = [_with_input(value) for value in Input]
    return {"$schema": DIALECT, "$id": ID, **made}


def _tidy(value: Any) -> Any:
    """Docstrings in one line, and no keys beside those that have the form of a name."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _tidy(item) for key, item in value.items()}
    if isinstance(made.get("description"), str):
        made["description"] = " ".join(made["description"].split())
    if "patternProperties" in made:
        made["additionalProperties"] = False
    return made


def _with_input(value: Input) -> dict[str, Any]:
    """Which keys go with an input, as Catalog says it."""
    others = [name for wanted, names in ONLY_WITH.items() if wanted is not value for name in names]
    condition: dict[str, Any] = {"properties": {"input": {"const": value.value}}}
    if Catalog.model_fields["input"].default is not value:
        condition["required"] = ["input"]
    return {
        "if": condition,
        "then": {"required": _NEEDED[value], "properties": dict.fromkeys(others, False)},
    }
