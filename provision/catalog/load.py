"""Catalogs from YAML files: every error of a file at once, with its line and key path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from provision.catalog.lint import lint
from provision.catalog.model import Catalog
from provision.errors import InvalidInput, Problem, ProvisionError
from provision.paths import CATALOGS

# The largest catalog anyone wrote by hand is a hundredth of this; more is a mistake or an attack.
MOST_BYTES = 1_000_000
MOST_DEPTH = 20

_Path = tuple[str | int, ...]


def load_catalog(path: Path) -> Catalog:
    """Read one catalog.

    Raises InvalidInput with every problem of the file, each with line and key path.
    """
    file = str(path)
    text = _read(path)
    try:
        refused = list(_refused(text, file))
        if refused:
            raise InvalidInput(refused)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"line {mark.line + 1}" if mark else ""
        raise InvalidInput([Problem(file, line, f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput([Problem(file, "", f"not YAML: {error}")]) from error
    if root is None:
        raise InvalidInput([Problem(file, "", "the file is empty")])

    problems: list[Problem] = []
    lines: dict[_Path, int] = {}
    value = _plain(root, (), lines, problems, file)
    if problems:
        raise InvalidInput(problems)
    try:
        catalog = Catalog.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(
            [_problem(file, details, lines) for details in _telling(error.errors())]
        ) from error
    found = [
        Problem(file, _where(finding.path, lines), finding.message, finding.rule)
        for finding in lint(catalog)
    ]
    if found:
        raise InvalidInput(found)
    return catalog


def load_catalogs(directory: Path | None = None) -> dict[str, Catalog]:
    """The built-in catalogs and a site's own, by application.

    A site's catalog replaces the built-in one of the same application. Raises InvalidInput with the
    problems of all files.
    """
    problems: list[Problem] = []
    catalogs: dict[str, Catalog] = {}
    own = sorted(directory.glob("*.y*ml")) if directory and directory.is_dir() else []
    seen: dict[str, Path] = {}
    for path in [*sorted(CATALOGS.glob("*.yaml")), *own]:
        try:
            catalog = load_catalog(path)
        except InvalidInput as error:
            problems += error.problems
            continue
        if catalog.app in seen and path.parent == seen[catalog.app].parent:
            problems.append(
                Problem(str(path), "app", f"{catalog.app!r} stands in {seen[catalog.app]} as well")
            )
        seen[catalog.app] = path
        catalogs[catalog.app] = catalog
    if problems:
        raise InvalidInput(problems)
    return catalogs


def unknown_app(app: str, known: Iterable[str]) -> str:
    """What to say of an application that has no catalog: the nearest name, and all there are."""
    names = sorted(known)
    near = difflib.get_close_matches(app, names, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"no catalog for application {app!r}: {guess}known are {', '.join(names)}"


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        size = f"{len(data):,} bytes, more than the {MOST_BYTES:,} a catalog may have"
        raise InvalidInput([Problem(str(path), "", size)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInput(
            [Problem(str(path), f"line {line}", "not UTF-8", "save the file as UTF-8")]
        ) from error


def _plain(
    node: yaml.Node, path: _Path, lines: dict[_Path, int], problems: list[Problem], file: str
) -> Any:
    """A composed node as plain values, with the line of every key path."""
    line = node.start_mark.line + 1
    if path in lines:
        problems.append(Problem(file, _where(path, lines), "the same key again", f"line {line}"))
    lines[path] = line
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                where = f"line {key_node.start_mark.line + 1}"
                problems.append(Problem(file, where, "a key must be a plain word"))
                continue
            key = str(key_node.value)
            mapping[key] = _plain(value_node, (*path, key), lines, problems, file)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(item, (*path, index), lines, problems, file)
            for index, item in enumerate(node.value)
        ]
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        text = str(error).splitlines()[0]
        problems.append(Problem(file, _where(path, lines), text, "quote it if it is a text"))
        return None


def _refused(text: str, file: str) -> Iterator[Problem]:
    """What YAML can do and a catalog may not: aliases, which can explode, and endless nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            yield Problem(file, f"line {line}", "an alias (*)", "write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            yield Problem(file, f"line {line}", "nested too deeply")
            return


def _where(path: _Path, lines: dict[_Path, int]) -> str:
    """A key path as people write it, with the line of the longest part of it that stands there."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return (
                f"line {lines[path[:length]]}: {text}" if text else f"line {lines[path[:length]]}"
            )
    return text


def _telling(errors: Sequence[Any]) -> list[Any]:
    """All but the echoes: a list is not too short as well because its entries are wrong."""
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


def _problem(file: str, details: Any, lines: dict[_Path, int]) -> Problem:
    path = tuple(part for part in details["loc"] if part != "[key]")
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return Problem(file, _where(path, lines), "missing")
    if kind == "extra_forbidden":
        return Problem(file, _where(path, lines), "no such key")
    if kind == "enum":
        return Problem(
            file, _where(path, lines), f"{details['input']!r} is not {context['expected']}"
        )
    message = str(details["msg"]).removeprefix("Value error, ")
    return Problem(file, _where(path, lines), f"{message} (found {details['input']!r:.80})")
