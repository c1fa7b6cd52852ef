"""A dashboard against Grafana's published schema, as the models of grafana-foundation-sdk have it.

The models keep what they know of a JSON object and drop the rest, and check no type: their
annotations are held against the JSON here. Without the package (the extra `schema`) nothing is.
"""

from __future__ import annotations

import difflib
import enum
import functools
import importlib
import importlib.util
import itertools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from provision.catalog.messages import shown
from provision.catalog.subject import KeyPath

RULE = "schema"
VERSION = "11.6"
MOST_TOLD = 100
_MODELS = "grafana_foundation_sdk.models"
# Types of panels whose module is not called as they are.
_MODULES = {"annolist": "annotationslist", "dashlist": "dashboardlist"}
# What an InfluxQL query of Grafana may have, and of which type.
# Source: Grafana 11.6, public/app/plugins/datasource/influxdb, types.ts: InfluxQuery.
_QUERY: Mapping[str, Any] = {
    **dict.fromkeys(("refId", "key", "queryType", "policy", "measurement", "query"), str),
    **dict.fromkeys(("alias", "orderByTime", "limit", "slimit", "tz", "name"), str),
    **dict.fromkeys(("hide", "rawQuery", "fromAnnotations"), bool),
    **dict.fromkeys(("tags", "groupBy", "adhocFilters"), list[dict[str, object]]),
    "select": list[list[dict[str, object]]],
    "resultFormat": typing.Literal["time_series", "table", "logs"],
    "datasource": object,
    "intervalMs": float,
    "maxDataPoints": float,
    **dict.fromkeys(("textColumn", "tagsColumn", "timeEndColumn", "titleColumn"), str),
    "textEditor": bool,
}
# What Grafana writes and reads beside its schema: the inputs of an export, what the editor of
# variables keeps, what an annotation asks its own datasource.
_BESIDE: Mapping[str, frozenset[str]] = {
    "Dashboard": frozenset({"__inputs", "__requires", "__elements", "style", "iteration"}),
    "VariableModel": frozenset({"definition"}),
    "AnnotationQuery": frozenset(_QUERY),
    "AnnotationTarget": frozenset(_QUERY),
}
# Values that Grafana writes itself, of another type than its schema says: no columns in particular.
_WRITES: Mapping[tuple[str, str], Any] = {("TableFooterOptions", "fields"): ""}


@functools.cache
def available() -> bool:
    """Whether the models are installed."""
    return importlib.util.find_spec("grafana_foundation_sdk") is not None


Told = Iterator[tuple[KeyPath, str, str]]


def faults(raw: Mapping[str, Any]) -> list[tuple[KeyPath, str, str]]:
    """What the schema does not know, or wants otherwise: where, what, and what to do."""
    if not available():
        return []
    walk = _Walk().value(raw, _models("dashboard").Dashboard, ())
    found = list(itertools.islice(walk, MOST_TOLD))
    if next(walk, None):
        found.append(((), "and more of this kind", "mend the first ones"))
    return found


class _Walk:
    """Goes through JSON and annotations together; custom is the class of a panel's own options."""

    def __init__(self) -> None:
        self._custom: Any = object

    def value(self, value: Any, hint: Any, path: KeyPath) -> Told:
        """What is wrong with a value that should be of an annotation; null is never."""
        if value is None or hint in (Any, object):
            return
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            yield from self._any_of(value, inside, path)
        elif origin is typing.Literal:
            if value not in inside or isinstance(value, bool) != isinstance(inside[0], bool):
                yield _wrong(value, _or(inside), path)
        elif origin is list:
            if not isinstance(value, list):
                yield _wrong(value, "a list", path)
                return
            for index, item in enumerate(value):
                yield from self.value(item, inside[0], (*path, index))
        elif origin is dict or not isinstance(hint, type) or hint is dict:
            if not isinstance(value, dict):
                yield _wrong(value, "keys with values", path)
                return
            for key, item in value.items() if inside else ():
                yield from self.value(item, inside[1], (*path, key))
        elif issubclass(hint, enum.Enum):
            if value not in [member.value for member in hint] or isinstance(value, bool):
                yield _wrong(value, _or([member.value for member in hint]), path)
        elif hint in _PLAIN:
            if not _plain(value, hint):
                yield _wrong(value, _PLAIN[hint], path)
        elif not isinstance(value, dict):
            yield _wrong(value, "keys with values", path)
        elif hint.__name__ == "Dataquery":
            yield from self._query(value, path)
        else:
            yield from self._object(value, hint, path)

    def _object(self, value: dict[str, Any], model: Any, path: KeyPath) -> Told:
        hints = dict(_hints(model))
        name = model.__name__
        if name == "Panel":
            hints["options"], self._custom = _variant(value.get("type"))
        elif name == "FieldConfig":
            hints["custom"] = self._custom
        elif name == "DynamicConfigValue":
            yield from self._property(value, path)
            return
        for key, item in value.items():
            if key in hints and _WRITES.get((name, key), ...) != item:
                yield from self.value(item, hints[key], (*path, key))
            elif key not in hints and key not in _BESIDE.get(name, ()):
                yield _unknown(key, hints, path)

    def _property(self, value: dict[str, Any], path: KeyPath) -> Told:
        """An override names what it sets: an option of all fields, or `custom.` and a panel's."""
        name = value.get("id")
        if not isinstance(name, str):
            yield _wrong(name, "a text", (*path, "id"))
            return
        hint: Any = _models("dashboard").FieldConfig
        first, *rest = name.split(".")
        parts = [first, *rest]
        for part in parts:
            if not isinstance(hint, type) or not hasattr(hint, "from_json"):
                hint = object
                break
            hints = _hints(hint)
            if part not in hints:
                yield _unknown(name, [f"custom.{h}" if rest else h for h in hints], (*path, "id"))
                return
            hint = self._custom if part == "custom" else _alone(hints[part])
        yield from self.value(value.get("value"), hint, (*path, "value"))

    def _query(self, value: dict[str, Any], path: KeyPath) -> Told:
        """A query has the keys of its datasource: those of InfluxDB are known here."""
        source = value.get("datasource")
        kind = source.get("type") if isinstance(source, dict) else None
        if kind not in (None, "influxdb"):  # it may be anything
            return
        for key, item in value.items():
            if key in _QUERY:
                yield from self.value(item, _QUERY[key], (*path, key))
            else:
                yield _unknown(key, _QUERY, path)

    def _any_of(self, value: Any, hints: tuple[Any, ...], path: KeyPath) -> Told:
        """Nothing where one of the annotations fits, else what is wrong by the nearest one."""
        best: list[tuple[KeyPath, str, str]] | None = None
        hints = tuple(hint for hint in hints if hint is not type(None))
        for hint in _fitting(value, hints):
            found = list(self.value(value, hint, path))
            if best is None or len(found) < len(best):
                best = found
            if not best:
                return
        yield from best or ()


_PLAIN: Mapping[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def _plain(value: Any, hint: Any) -> bool:
    if hint is bool or isinstance(value, bool):
        return hint is bool and isinstance(value, bool)
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint) or (hint is int and isinstance(value, float) and value % 1 == 0)


def _fitting(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of models that a word in `type` tells apart, the one whose word it is."""
    word = value.get("type") if isinstance(value, dict) else None
    told = [
        hint
        for hint in hints
        if isinstance(hint, type)
        and hasattr(hint, "from_json")
        and word in typing.get_args(_alone(_hints(hint).get("type")))
    ]
    if told:
        return tuple(told)
    # A word that is not among them is of the model that takes any.
    return (
        tuple(
            hint
            for hint in hints
            if not (
                hasattr(hint, "from_json") and typing.get_args(_alone(_hints(hint).get("type")))
            )
        )
        or hints
    )


@functools.cache
def _hints(model: Any) -> Mapping[str, Any]:
    """The keys that a model reads and writes in JSON, with their annotations."""
    asked = _Asked()
    keys = {*model.from_json(asked).to_json(), *asked.keys_asked}
    by_form = {
        _form(name.removesuffix("_val")): h for name, h in typing.get_type_hints(model).items()
    }
    return {key: by_form.get(_form(key), object) for key in keys}


class _Asked(dict[str, Any]):
    """An empty JSON object that keeps which keys it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_asked: set[str] = set()

    def __contains__(self, key: object) -> bool:
        self.keys_asked.add(str(key))
        return False


def _form(name: str) -> str:
    return name.replace("_", "").lower()


def _alone(hint: Any) -> Any:
    """An annotation without its None."""
    rest = [each for each in typing.get_args(hint) if each is not type(None)]
    optional = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return rest[0] if optional and len(rest) == 1 else hint


def _variant(kind: Any) -> tuple[Any, Any]:
    """The models of a panel type's options and field options; object where they are not known."""
    if not isinstance(kind, str) or not kind.isascii():
        return object, object
    module = _MODULES.get(kind, kind.replace("-", "").lower())
    if not module.isidentifier() or importlib.util.find_spec(f"{_MODELS}.{module}") is None:
        return object, object
    found = _models(module)
    if not hasattr(found, "variant_config") or found.variant_config().identifier != kind:
        return object, object
    custom = getattr(found, "FieldConfig", object)
    # The package has the field options of a table elsewhere.
    return found.Options, _models("common").TableFieldOptions if kind == "table" else custom


@functools.cache
def _models(module: str) -> Any:
    return importlib.import_module(f"{_MODELS}.{module}")


def _wrong(value: Any, wanted: str, path: KeyPath) -> tuple[KeyPath, str, str]:
    return path, f"{shown(value)} is not {wanted}", f"write {wanted}"


def _unknown(key: str, known: Any, path: KeyPath) -> tuple[KeyPath, str, str]:
    near = difflib.get_close_matches(key, list(known), n=1)
    remedy = f"did you mean {near[0]}?" if near else "remove it"
    return path, f"Grafana {VERSION} knows no {shown(key)}", remedy


def _or(words: Any) -> str:
    return " or ".join(str(word) or "''" for word in words)
