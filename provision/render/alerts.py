"""What Grafana's alert rules are rendered of, and what its state is held against."""

from __future__ import annotations

from typing import Any

from provision.alerts.contacts import contact_points
from provision.alerts.rules import EVERY, AlertRule, build_rules
from provision.render.targets import ALERTS_LEFT_PATH
from provision.site import Site
from provision.values import seconds


def site_rules(site: Site) -> list[AlertRule]:
    """The rules of all applications of a site."""
    # A worker that writes less often than others must not look silent.
    intervals = [seconds(host.settings.telegraf_interval) for host in site.workers]
    return build_rules(
        site.catalogs,
        runbooks=site.monitor.settings.grafana_runbook_url,
        interval=max(intervals, default=0),
    )


def alert_values(site: Site) -> dict[str, Any]:
    """The rules by the groups that they are evaluated in: one for each application."""
    groups: dict[str, list[AlertRule]] = {}
    for rule in site_rules(site):
        groups.setdefault(rule.app, []).append(rule)
    runbooks = site.monitor.settings.grafana_runbook_url is not None
    return {"groups": groups, "every": f"{EVERY}s", "runbooks": runbooks}


def alert_state(site: Site) -> dict[str, Any]:
    """What Grafana may have of ours, by uid, and the file in which it is told of the rest."""
    contacts = site.monitor.settings.grafana_contacts
    return {
        "rules": [rule.uid for rule in site_rules(site)],
        "contacts": [point.uid for point in contact_points(contacts)],
        "left": ALERTS_LEFT_PATH,
    }
