"""What is wrong with a dashboard, by the rules that have names; some of them need its catalog."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass

from provision.catalog.document import written
from provision.catalog.model import Catalog
from provision.dashboards.check import asking, choosing, documented, layout, schema, thresholds
from provision.dashboards.check.document import Document
from provision.dashboards.check.model import Dashboard, Panel
from provision.dashboards.check.subject import OWN_TAG, Rule, subject_of

GENERAL: Mapping[str, Rule] = {**choosing.GENERAL, **layout.GENERAL, **asking.GENERAL}
WITH_CATALOG: Mapping[str, Rule] = {
    **choosing.WITH_CATALOG,
    **documented.WITH_CATALOG,
    **thresholds.WITH_CATALOG,
}
SCHEMA = schema.RULE
# What no rule of a dashboard can say: its file, its JSON, the exclusions from the rules.
OTHERS: Mapping[str, str] = {
    "file": "What cannot be read cannot be imported either.",
    SCHEMA: "What Grafana's published schema does not know is dropped without a word.",
    "exclusions": "An exclusion says what it is of and why: else it hides what nobody meant.",
    "exclusion-used": "An exclusion of what is mended hides the next fault.",
}
RULES = (*OTHERS, *GENERAL, *WITH_CATALOG)


@dataclass(frozen=True)
class Finding:
    """A rule's name, where it is broken, how, and what to do."""

    rule: str
    what: str
    remedy: str
    panel: Panel | None = None
    metric: str | None = None

    @property
    def reason(self) -> str:
        """Why there is this rule."""
        return reason(self.rule)


def lint(document: Document, catalog: Catalog | None) -> list[Finding]:
    """All findings of a file, panel by panel; without a catalog, those of GENERAL."""
    findings = [Finding("file", each.what, each.remedy) for each in document.faults]
    if document.dashboard is None or document.raw is None:
        return findings
    panels = {panel.path: panel for panel in document.dashboard.panels}
    for path, what, remedy in schema.faults(document.raw):
        around = (panels[path[:end]] for end in (4, 2) if path[:end] in panels)
        text = f"{written(path)}: {what}" if path else what
        findings.append(Finding(SCHEMA, text, remedy, next(around, None)))
    subject = subject_of(document.dashboard, catalog)
    for name, rule in (GENERAL if catalog is None else {**GENERAL, **WITH_CATALOG}).items():
        findings += [
            Finding(name, each.what, each.remedy, each.panel, each.metric) for each in rule(subject)
        ]
    # What is of no panel first; of one panel in the order of RULES.
    findings.sort(key=lambda finding: finding.panel.path[1::2] if finding.panel else ())
    return list(dict.fromkeys(findings))


def catalog_of(dashboard: Dashboard, catalogs: Mapping[str, Catalog]) -> Catalog | None:
    """The catalog that a dashboard of provision's names in its tags."""
    if OWN_TAG not in dashboard.tags:
        return None
    return next((catalogs[tag] for tag in dashboard.tags if tag in catalogs), None)


def reason(rule: str) -> str:
    """Why there is a rule of this name."""
    if rule in OTHERS:
        return OTHERS[rule]
    return " ".join((inspect.getdoc({**GENERAL, **WITH_CATALOG}[rule]) or "").split())
