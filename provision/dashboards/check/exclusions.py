"""What a person has decided to leave as it is, each with the reason: `.dashboard-lint.yml`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictInt, ValidationError

from provision.catalog.document import read_document as read_yaml
from provision.catalog.messages import explain
from provision.catalog.parts import Part
from provision.catalog.vocabulary import Line, Text
from provision.dashboards.check.document import Document
from provision.dashboards.check.lint import OTHERS, RULES, SCHEMA, Finding

FILE = ".dashboard-lint.yml"
# These say that something could not be looked at, and are not to be talked away.
LASTING = frozenset(OTHERS) - {SCHEMA}
_FORM = "write exclusions: [{rule, dashboard, panel, metric, reason}], of which rule and reason"


class Exclusion(Part):
    """One thing that is as it is on purpose; what is left out stands for all."""

    rule: Line
    """The name of the rule."""
    dashboard: Line | None = None
    """The uid, the title or the file's name of a dashboard."""
    panel: StrictInt | Line | None = None
    """The id or the title of a panel."""
    metric: Line | None = None
    """The name of a documented metric."""
    reason: Text
    """Why it is as it is."""

    def of_dashboard(self, document: Document) -> bool:
        """Whether it is about a file."""
        names = {document.path.name, document.path.stem}
        if document.dashboard:
            names |= {document.dashboard.uid, document.dashboard.title}
        return self.dashboard is None or self.dashboard in names

    def covers(self, finding: Finding, document: Document) -> bool:
        """Whether it is about a finding in a file."""
        panel = finding.panel
        return (
            self.rule == finding.rule
            and self.of_dashboard(document)
            and self.metric in (None, finding.metric)
            and (
                self.panel is None or (panel is not None and self.panel in (panel.id, panel.title))
            )
        )


class _File(Part):
    """A file of exclusions."""

    exclusions: Annotated[tuple[Exclusion, ...], Field(max_length=10_000)]
    """What is excluded."""


@dataclass(frozen=True)
class Exclusions:
    """A file of exclusions, and what is wrong with it."""

    path: Path
    exclusions: tuple[Exclusion, ...]
    faults: tuple[Finding, ...]


def read_exclusions(path: Path) -> Exclusions:
    """Read a file; where anything is wrong with it, nothing is excluded and all is told."""
    document = read_yaml(path)
    faults = [
        Finding(
            "exclusions", f"{fault.where}: {fault.what}".removeprefix(": "), fault.hint or _FORM
        )
        for fault in document.faults
    ]
    found: tuple[Exclusion, ...] = ()
    if document.readable and not faults:
        try:
            found = _File.model_validate(document.value).exclusions
        except ValidationError as error:
            for details in error.errors():
                place = tuple(
                    part for part in details["loc"] if part not in {"int", "constrained-str"}
                )
                what, hint = explain(details, place)
                where = document.line(place)
                text = f"line {where}: {'.'.join(map(str, place))}: {what}"
                faults.append(Finding("exclusions", text, hint or _FORM))
    for number, each in enumerate(found):
        if each.rule not in RULES or each.rule in LASTING:
            near = difflib.get_close_matches(each.rule, set(RULES) - LASTING, n=1)
            hint = f"did you mean {near[0]}?" if near else "see docs/dashboards.md for the rules"
            line = document.line(("exclusions", number, "rule"))
            what = f"line {line}: no rule {each.rule} that can be excluded"
            faults.append(Finding("exclusions", what, hint))
    return Exclusions(path, () if faults else found, tuple(faults))


def unused(exclusions: Exclusions, used: set[int], documents: list[Document]) -> list[Finding]:
    """The exclusions that matched nothing, though what they are about was looked at.

    One of no dashboard in particular is judged only where all that lie beside it were looked at.
    """
    seen = {document.path.resolve() for document in documents}
    beside = {path.resolve() for path in exclusions.path.parent.glob("*.json")}
    found = []
    for number, each in enumerate(exclusions.exclusions):
        looked = any(each.of_dashboard(document) for document in documents)
        if each.dashboard is None and not beside <= seen:
            continue
        if number in used or (not looked and not beside <= seen):
            continue
        about = [f"{key} {value}" for key, value in each if key != "reason" and value is not None]
        what = f"exclusions[{number}] ({', '.join(about)}) matches nothing"
        found.append(Finding("exclusion-used", what, "remove it, or mend what it names"))
    return found
