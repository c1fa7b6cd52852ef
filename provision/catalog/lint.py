"""What is wrong with a catalog, or with several on one host, by the rules that have names.

The rules are in provision.catalog.rules and provision.catalog.matching.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.matching import MATCHING as MATCHING
from provision.catalog.matching import TOGETHER as TOGETHER
from provision.catalog.model import Catalog
from provision.catalog.rules import FORMS as FORMS
from provision.catalog.rules import RULES as RULES
from provision.catalog.subject import KeyPath, Rule, Subject, used


@dataclass(frozen=True)
class Finding:
    """A rule's name, where it is broken (a key path) and how."""

    rule: str
    path: KeyPath
    message: str


def lint(catalog: Catalog, places: Sequence[int] | None = None) -> list[Finding]:
    """All findings in a catalog, in the order of FORMS, RULES and MATCHING.

    Each group of rules reads what the one before it has found to be in order, metric by metric.
    places are the indexes that the metrics have in their file, where some of it were left out.
    """
    indexes = range(len(catalog.metrics)) if places is None else places
    subject = Subject(
        catalog, tuple(zip(indexes, catalog.metrics, strict=True)), whole=places is None
    )
    findings: list[Finding] = []
    for rules in (FORMS, RULES, MATCHING):
        found = _findings(rules, subject)
        findings += found
        if any(finding.path == ("prefix",) for finding in found):
            break  # it is part of every bucket
        subject = _sound(subject, found)
    return findings


def lint_together(catalogs: Sequence[Catalog]) -> list[str]:
    """What goes wrong between the catalogs of one host, each of which is in order by itself."""
    return [finding.message for finding in findings_together(catalogs)]


def findings_together(catalogs: Sequence[Catalog]) -> list[Finding]:
    """What lint_together tells, with the names of the rules."""
    return [
        Finding(name, (), message) for name, rule in TOGETHER.items() for message in rule(catalogs)
    ]


def reason(rule: str) -> str:
    """Why there is a rule of this name."""
    functions = {**FORMS, **RULES, **MATCHING, **TOGETHER}
    return " ".join((inspect.getdoc(functions[rule]) or "").split())


def _findings(rules: Mapping[str, Rule], subject: Subject) -> list[Finding]:
    return [Finding(name, *found) for name, rule in rules.items() for found in rule(subject)]


def _sound(subject: Subject, found: Sequence[Finding]) -> Subject:
    """The metrics in which nothing was found, nor in a placeholder that they have."""
    metrics = {finding.path[1] for finding in found if finding.path[0] == "metrics"}
    broken = {str(finding.path[1]) for finding in found if finding.path[0] == "placeholders"}
    rest = tuple(
        (index, metric)
        for index, metric in subject.metrics
        if index not in metrics and not used(subject.catalog, metric) & broken
    )
    return Subject(subject.catalog, rest, subject.whole and len(rest) == len(subject.metrics))
