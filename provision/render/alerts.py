"""What Grafana's alert rules are rendered of, and what its state is held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.alerts.contacts import contact_points
from provision.alerts.rules import EVERY, AlertRule, build_rules, rule_uid
from provision.dashboards.fleet import watched
from provision.dashboards.model import Dashboard
from provision.render.targets import ALERTS_LEFT_PATH, CONTACTS_PATH, POLICIES_KEPT
from provision.site.model import Site
from provision.values import seconds


def alert_values(site: Site, dashboards: Mapping[str, Dashboard]) -> dict[str, Any]:
    """The rules by the groups that they are evaluated in: one for each application.

    dashboards are those of the applications, which alerts lead to.
    """
    # A worker that writes less often than others must not look silent.
    intervals = [seconds(host.settings.telegraf_interval) for host in site.workers]
    runbooks = site.monitor.settings.grafana_runbook_url
    rules = build_rules(
        site.catalogs,
        runbooks=runbooks,
        interval=max(intervals, default=0),
        dashboards=dashboards,
    )
    groups: dict[str, list[AlertRule]] = {}
    for rule in rules:
        groups.setdefault(rule.app, []).append(rule)
    return {"groups": groups, "every": f"{EVERY}s", "runbooks": runbooks is not None}


def alert_state(site: Site) -> dict[str, Any]:
    """What Grafana may have of ours, by uid, and the files that are about it."""
    contacts = site.monitor.settings.grafana_contacts
    return {
        "rules": [rule_uid(catalog, metric) for catalog, metric in watched(site.catalogs)],
        "contacts": [point.uid for point in contact_points(contacts)],
        "file": CONTACTS_PATH,
        "left": ALERTS_LEFT_PATH,
        "kept": POLICIES_KEPT,
    }
