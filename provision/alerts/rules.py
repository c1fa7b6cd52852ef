"""Alert rules: one for each condition of a catalog, in the terms of Grafana-managed alerting.

Each rule is a chain: A asks InfluxDB, B reduces each series to its last value, C holds that against
the bound. Every combination of host and tags is an alert of its own.

Source: Grafana documentation, Alerting: file provisioning; queries and conditions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from provision.alerts.queries import chain
from provision.alerts.texts import description, plain, summary
from provision.catalog.model import Catalog, Condition, Input, Metric, MetricType, Severity
from provision.catalog.reference import anchors
from provision.dashboards.build import build_dashboard, graph_ids
from provision.dashboards.model import Dashboard
from provision.dashboards.panels import dashboard_uid
from provision.dashboards.queries import counted
from provision.values import seconds

# Grafana's limits of a rule: a uid in characters, a title in bytes.
LONGEST_UID, LONGEST_TITLE = 40, 190
# How often rules are evaluated, in seconds: a multiple of Grafana's ten.
EVERY = 60


class NoData(StrEnum):
    """What a rule is while its query finds no series at all: well, or alerting."""

    OK = "OK"
    ALERTING = "Alerting"


@dataclass(frozen=True)
class AlertRule:
    """One rule, ready to be written.

    Times are in seconds: span is how far back the query looks, pending how long the condition must
    hold. Summary and description are Go templates, runbook is a plain text or a URL.
    """

    uid: str
    app: str
    title: str
    query: str
    span: int
    above: bool
    bound: float
    pending: int
    no_data: NoData
    severity: Severity
    summary: str
    description: str
    runbook: str
    dashboard_uid: str
    panel_id: int

    @property
    def evaluator(self) -> str:
        """Grafana's name of the comparison."""
        return "gt" if self.above else "lt"


def build_rules(
    catalogs: Iterable[Catalog],
    *,
    runbooks: str | None = None,
    interval: int = 10,
    dashboards: Mapping[str, Dashboard] | None = None,
) -> list[AlertRule]:
    """The rules of all conditions of some catalogs, in their order.

    runbooks is the URL of the published reference pages, with {app} in it; interval is how often
    Telegraf writes, in seconds. dashboards are those of the applications, where they are built
    already.
    """
    rules, built = [], dashboards or {}
    for catalog in catalogs:
        places = anchors(catalog)
        graphs = graph_ids(built.get(catalog.app) or build_dashboard(catalog))
        for metric in catalog.metrics:
            if metric.condition is not None:
                runbook = _runbook(catalog, places[metric.name, metric.type], runbooks)
                graph = graphs[metric.name, metric.type]
                rules.append(_rule(catalog, metric, metric.condition, runbook, graph, interval))
    return rules


def rule_uid(catalog: Catalog, metric: Metric) -> str:
    """The rule's uid: the same as long as the application, the name and the type are."""
    stem = f"provision-{catalog.app}"[: LONGEST_UID - 13]
    return f"{stem}-{_digest(catalog, metric)}"


def rule_title(catalog: Catalog, metric: Metric) -> str:
    """The rule's title: no two are the same, and none ever becomes that of another.

    Grafana writes rule by rule and takes no title twice in a folder, so that two rules which swap
    their titles would stop its start. What follows the metric's own title says which one it is.
    """
    name = f"({catalog.app}, {metric.name} {metric.type})"
    if len(name.encode()) > LONGEST_TITLE // 2:
        name = f"({catalog.app}, {_digest(catalog, metric)})"
    silent = metric.condition is not None and metric.condition.silent is not None
    title = f"{catalog.title} silent" if silent else metric.title
    return f"{_cut(title, LONGEST_TITLE - len(name.encode()) - 1)} {name}"


def _rule(
    catalog: Catalog,
    metric: Metric,
    condition: Condition,
    runbook: str,
    graph: int,
    interval: int,
) -> AlertRule:
    silent = seconds(condition.silent) if condition.silent else None
    query, span = chain(catalog, metric, silent, interval)
    return AlertRule(
        uid=rule_uid(catalog, metric),
        app=catalog.app,
        title=rule_title(catalog, metric),
        query=query,
        span=span,
        above=condition.above is not None,
        # What is silent has less than one point.
        bound=1 if condition.bound is None else condition.bound,
        pending=seconds(condition.pending),
        no_data=_no_data(catalog, metric, condition),
        severity=condition.severity,
        summary=summary(catalog, metric, condition),
        description=description(metric, condition),
        runbook=runbook,
        dashboard_uid=dashboard_uid(catalog),
        panel_id=graph,
    )


def _no_data(catalog: Catalog, metric: Metric, condition: Condition) -> NoData:
    """What it means that nothing comes from anybody."""
    if condition.silent is not None:
        return NoData.ALERTING
    if metric.type is MetricType.COUNTER and catalog.input is Input.STATSD:
        # statsd sends no zeros: nothing is none.
        return NoData.OK if condition.above is not None else NoData.ALERTING
    # What Telegraf itself gathers falls silent with its host, which is told by a rule of its own.
    # What is counted has no mean while nothing is, and comes all the same.
    absent = metric.always and catalog.input is not Input.TELEGRAF and not counted(catalog, metric)
    return NoData.ALERTING if absent else NoData.OK


def _runbook(catalog: Catalog, anchor: str, runbooks: str | None) -> str:
    if runbooks:
        return f"{runbooks.replace('{app}', catalog.app)}#{quote(anchor)}"
    return plain(f"provision catalog docs {catalog.app}: #{anchor}")


def _digest(catalog: Catalog, metric: Metric) -> str:
    name = f"{catalog.app} {metric.name} {metric.type}"
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _cut(text: str, most: int) -> str:
    """A text of at most so many bytes, with a mark where it was cut."""
    if len(text.encode()) <= most:
        return text
    return text.encode()[: most - 3].decode(errors="ignore").rstrip() + "…"
