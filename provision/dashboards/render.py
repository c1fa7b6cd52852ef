"""The JSON of dashboards, for a Grafana of ours or for any."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Template

from provision.catalog.model import GROUP_BY, TOTALS_TAG, Catalog
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.model import Dashboard
from provision.dashboards.variables import GROUPED, UNDIVIDED
from provision.templating import environment

DATASOURCE_UID = "provision-influxdb"
FOLDER = "provision"
TEMPLATE = "grafana/etc/grafana/dashboards/dashboard.json.j2"
# What a dashboard that is imported asks for; Grafana puts the chosen datasource in its place.
DATASOURCE_INPUT = "${DS_INFLUXDB}"
# How often Telegraf writes, where nobody says otherwise, as Grafana writes durations.
INTERVAL = "10s"
# How many points a line of a graph has at most: an hour's are a minute apart. InfluxDB's time goes
# with series times intervals, and sums, means and the highest of an interval lose nothing.
POINTS = 60


@cache
def _template() -> Template:
    return environment().get_template(TEMPLATE)


def render_dashboard(
    dashboard: Dashboard,
    *,
    datasource: str,
    importable: bool,
    interval: str = INTERVAL,
    grouped: Sequence[str] = GROUPED,
) -> str:
    """The JSON of a dashboard, as Grafana exports it.

    datasource is a uid, or DATASOURCE_INPUT where importable, which declares that input. interval
    is how often Telegraf writes: what is divided more finely would be drawn as peaks and gaps.
    grouped are the tags that graphs are divided by as it opens, or UNDIVIDED.
    """
    text = _template().render(
        dashboard=dashboard,
        datasource=datasource,
        importable=importable,
        interval=interval,
        points=POINTS,
        group_by=GROUP_BY,
        totals_variable=TOTALS_TAG,
        groups=[UNDIVIDED, *dashboard.groups] if dashboard.groups else [],
        grouped=grouped,
    )
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def provisioned_dashboards(
    dashboards: Mapping[str, Dashboard], interval: str = INTERVAL, undivided: Collection[str] = ()
) -> dict[str, str]:
    """The dashboards for a Grafana that has the datasource of ours, by the names of their files.

    Those of undivided applications open with one line of all hosts.
    """
    return {
        name: render_dashboard(
            dashboard,
            datasource=DATASOURCE_UID,
            importable=False,
            interval=interval,
            grouped=(UNDIVIDED,) if name in undivided else GROUPED,
        )
        for name, dashboard in dashboards.items()
    }


def importable_dashboards(catalogs: Sequence[Catalog]) -> dict[str, str]:
    """The dashboards for any Grafana, by file: the datasource is chosen on import."""
    return {
        name: render_dashboard(dashboard, datasource=DATASOURCE_INPUT, importable=True)
        for name, dashboard in all_dashboards(catalogs).items()
    }


def rendered_dashboards(catalogs: Sequence[Catalog], datasource: str) -> dict[str, dict[str, Any]]:
    """The dashboards for a datasource of this uid, as JSON's values, by uid."""
    return {
        dashboard.uid: json.loads(
            render_dashboard(dashboard, datasource=datasource, importable=False)
        )
        for dashboard in all_dashboards(catalogs).values()
    }
