"""Catalogs from YAML files: every error of a file at once, with its line, key path and a hint."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from provision.catalog.document import MOST_BYTES as MOST_BYTES
from provision.catalog.document import Document, Fault, read_document
from provision.catalog.lint import lint
from provision.catalog.messages import explain, telling
from provision.catalog.model import ONLY_WITH, Catalog, Input, input_forgotten
from provision.catalog.subject import KeyPath
from provision.errors import InvalidInput, Problem
from provision.paths import CATALOGS

SUFFIXES = frozenset({".yaml", ".yml"})
# The parts, what holds between the keys of the whole, and what that leaves.
ROUNDS = 3
# Who reads more than this at once has another kind of file.
MOST_TOLD = 1000
# What stands for a key whose value is wrong, so that the rest of the file can be looked at, too.
_STAND_INS: Mapping[str, Any] = {
    **dict.fromkeys(("app", "title", "description", "source", "prefix"), "x"),
    "scrape": {"port": 1},
}
_STAND_IN_PLACEHOLDER = {"description": "x", "examples": ["x"], "expected": 1}


@dataclass(frozen=True)
class Examined:
    """A file, and what is wrong with it; the catalog, where nothing is."""

    path: Path
    catalog: Catalog | None
    faults: tuple[Fault, ...]

    @property
    def problems(self) -> list[Problem]:
        """The faults, as an operator is told of them."""
        return [fault.problem(self.path) for fault in self.faults]


def examine(path: Path) -> Examined:
    """Read one file, and find everything that is wrong with it."""
    document = read_document(path)
    catalog = _checked(document) if document.readable else None
    faults = tuple(sorted(document.faults, key=lambda fault: fault.line or math.inf))
    return Examined(path, None if faults else catalog, faults)


def load_catalog(path: Path) -> Catalog:
    """Read one catalog.

    Raises InvalidInput with every problem of the file, each with line and key path.
    """
    examined = examine(path)
    if examined.catalog is None:
        raise InvalidInput(examined.problems)
    return examined.catalog


def load_catalogs(directory: Path | None = None) -> dict[str, Catalog]:
    """The built-in catalogs and a site's own, by application.

    A site's catalog replaces the built-in one of the same application. Raises InvalidInput with the
    problems of all files.
    """
    problems: list[Problem] = []
    catalogs: dict[str, Catalog] = {}
    seen: dict[str, Path] = {}
    for path in [*catalog_files(CATALOGS), *own_files(directory)]:
        examined = examine(path)
        problems += examined.problems
        if examined.catalog is None:
            continue
        app = examined.catalog.app
        if app in seen and path.parent == seen[app].parent:
            problems.append(Problem(str(path), "app", f"{app!r} stands in {seen[app]} as well"))
        seen[app] = path
        catalogs[app] = examined.catalog
    if problems:
        files = sorted({problem.file for problem in problems})
        remedy = f"mend {', '.join(files)}: no command works without it"
        raise InvalidInput(problems, remedy=remedy)
    return catalogs


def own_files(directory: Path | None) -> list[Path]:
    """The catalogs that stand in a site's directory, if it has one."""
    if directory is None or not directory.is_dir() or directory.samefile(CATALOGS):
        return []
    return catalog_files(directory)


def catalog_files(directory: Path) -> list[Path]:
    """The YAML files of a directory; hidden ones, and whatever else stands there, are not ours.

    A link that leads nowhere is one of them: it was meant to be a catalog. Raises InvalidInput for
    a directory that cannot be read.
    """
    try:
        return sorted(
            path
            for path in directory.iterdir()
            if path.suffix in SUFFIXES
            and not path.name.startswith((".", "#"))
            and (path.is_file() or not path.exists())
        )
    except OSError as error:
        raise InvalidInput([Problem(str(directory), "", error.strerror or str(error))]) from error


def unknown_app(app: str, known: Iterable[str]) -> str:
    """What to say of an application that has no catalog: the nearest name, and all there are."""
    names = sorted(known)
    near = difflib.get_close_matches(app, names, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"no catalog for application {app!r}: {guess}known are {', '.join(names)}"


def _checked(document: Document) -> Catalog | None:
    """The document's catalog, or what of it is not wrong, looked at; None where that is nothing."""
    value, places, catalog = document.value, None, None
    # What holds for the whole can be looked at only once all of its parts are right.
    for _ in range(ROUNDS):
        try:
            catalog = Catalog.model_validate(value)
            break
        except ValidationError as error:
            errors = [(_path(details, places), details) for details in telling(error)]
            _report(document, errors[:MOST_TOLD])
            if len(errors) > MOST_TOLD:
                what = f"and {len(errors) - MOST_TOLD:,} more problems"
                document.faults.append(Fault(None, (), what))
                return None
            value, places = _without(value, places, [path for path, _ in errors])
            if value is None:
                return None
    for finding in lint(catalog, places) if catalog else ():
        line = document.line(finding.path)
        document.faults.append(Fault(line, finding.path, finding.message, rule=finding.rule))
    return catalog


def _report(document: Document, errors: Sequence[tuple[KeyPath, Mapping[str, Any]]]) -> None:
    """Add what pydantic says, but for what is an echo of a fault that is known."""
    known = {fault.path for fault in document.faults}
    for path, details in errors:
        if path not in known:
            what, hint = explain(details, path, document.value)
            document.faults.append(Fault(document.line(path), path, what, hint))


def _path(details: Mapping[str, Any], places: Sequence[int] | None) -> KeyPath:
    """The key path in the file, whose metrics have the indexes of places."""
    path = list(details["loc"])
    # So pydantic marks that it is a mapping's key that is wrong; a key may be called so, too.
    if path[-1:] == ["[key]"] and details["type"] != "extra_forbidden":
        path.pop()
    if places is not None and path[:1] == ["metrics"] and len(path) > 1:
        path[1] = places[path[1]]
    return tuple(path)


def _without(
    value: Any, places: Sequence[int] | None, wrong: Sequence[KeyPath]
) -> tuple[dict[str, Any] | None, list[int]]:
    """A file's value without what is wrong in it, and the places of the metrics that are left."""
    if not isinstance(value, dict) or not isinstance(value.get("metrics"), list):
        return None, []
    places = list(range(len(value["metrics"]))) if places is None else places
    dropped = {path[1] for path in wrong if path[0:1] == ("metrics",) and len(path) > 1}
    metrics = dict(zip(places, value["metrics"], strict=True))
    kept = {index: metric for index, metric in metrics.items() if index not in dropped}
    rest = {**value, "metrics": list(kept.values())}
    for path in wrong:
        key = path[0] if path else None
        if key in {"metrics", "input"} and len(path) == 1:
            return None, []
        if key is None:
            rest = _by_input(rest)
        elif key == "placeholders" and len(path) > 1:
            placeholders = {k: v for k, v in rest["placeholders"].items() if k != path[1]}
            good = {path[1]: _STAND_IN_PLACEHOLDER} if len(path) > 2 else {}
            rest["placeholders"] = placeholders | good
        elif key in _STAND_INS:
            rest[str(key)] = _STAND_INS[str(key)]
        elif key != "metrics":
            rest.pop(str(key), None)
    return (rest if kept else None), list(kept)


def _by_input(value: dict[str, Any]) -> dict[str, Any]:
    """A file's value with the keys that its input has, and without those that it has not."""
    if input_forgotten(value):
        return {**value, "input": Input.PROMETHEUS}
    known = value.get("input", Input.STATSD)
    rest = {key: item for key, item in value.items() if key not in _others(known)}
    for name in ONLY_WITH.get(known, ()):
        if name in _STAND_INS and rest.get(name) is None:
            rest[name] = _STAND_INS[name]
    return rest


def _others(known: str) -> set[str]:
    return {name for wanted, names in ONLY_WITH.items() if wanted != known for name in names}
