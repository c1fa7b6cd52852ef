"""Files of dashboards, looked at with their exclusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.catalog.model import Catalog
from provision.dashboards.check.document import Document, read_document
from provision.dashboards.check.exclusions import FILE, Exclusions, read_exclusions, unused
from provision.dashboards.check.lint import WITH_CATALOG, Finding, catalog_of, lint


@dataclass(frozen=True)
class Excluded:
    """A finding that a person has excluded, and why."""

    finding: Finding
    why: str


@dataclass(frozen=True)
class CheckedFile:
    """A dashboard's file, its findings, and the application whose catalog it was held against."""

    document: Document
    app: str | None
    findings: tuple[Finding, ...]
    excluded: tuple[Excluded, ...]

    @property
    def not_applied(self) -> tuple[str, ...]:
        """The rules that had nothing to hold it against."""
        read = self.document.dashboard is not None
        return tuple(WITH_CATALOG) if read and self.app is None else ()


@dataclass(frozen=True)
class CheckedExclusions:
    """A file of exclusions, and what is wrong with it or unused in it."""

    path: Path
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Checked:
    """All that was looked at."""

    files: tuple[CheckedFile, ...]
    exclusions: tuple[CheckedExclusions, ...]

    @property
    def findings(self) -> int:
        """How many things are wrong."""
        dashboards = sum(len(each.findings) for each in self.files)
        return dashboards + sum(len(each.findings) for each in self.exclusions)


def check_files(
    paths: Sequence[Path], catalogs: Mapping[str, Catalog], exclusions: Path | None = None
) -> Checked:
    """Look at files, each with the exclusions of a file, or of the one beside it if it is there."""
    by_exclusions: dict[Path | None, list[Path]] = {}
    for path in dict.fromkeys(paths):
        by_exclusions.setdefault(exclusions or _beside(path), []).append(path)
    files: dict[Path, CheckedFile] = {}
    told: list[CheckedExclusions] = []
    for place, some in by_exclusions.items():
        excluding = read_exclusions(place) if place else Exclusions(Path(FILE), (), ())
        used: set[int] = set()
        for path in some:
            files[path] = _check(path, catalogs, excluding, used)
        if place:
            documents = [files[path].document for path in some]
            found = (*excluding.faults, *unused(excluding, used, documents))
            told.append(CheckedExclusions(place, found))
    return Checked(tuple(files[path] for path in dict.fromkeys(paths)), tuple(told))


def _check(
    path: Path, catalogs: Mapping[str, Catalog], excluding: Exclusions, used: set[int]
) -> CheckedFile:
    document = read_document(path)
    catalog = catalog_of(document.dashboard, catalogs) if document.dashboard else None
    findings: list[Finding] = []
    excluded: list[Excluded] = []
    for finding in lint(document, catalog):
        matching = {
            number: each
            for number, each in enumerate(excluding.exclusions)
            if each.covers(finding, document)
        }
        used.update(matching)
        if matching:
            excluded.append(Excluded(finding, next(iter(matching.values())).reason))
        else:
            findings.append(finding)
    app = catalog.app if catalog else None
    return CheckedFile(document, app, tuple(findings), tuple(excluded))


def _beside(path: Path) -> Path | None:
    place = path.parent / FILE
    try:
        return place if place.exists() else None
    except (OSError, ValueError):  # a name that no file can have is said of the file itself
        return None
