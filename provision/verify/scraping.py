"""Whether each host can fetch what its Telegraf scrapes: why metrics of a target never come."""

from __future__ import annotations

import json
from collections.abc import Sequence

from provision.render.telegraf import own_influxdb, scrape_seconds
from provision.run.ansible import RunResult
from provision.site.model import Host, Site
from provision.verify.findings import Area, Finding, Status


def scrape_variables(site: Site, hosts: Sequence[Host]) -> dict[str, str]:
    """What playbooks/verify.yml takes: for each host what to fetch, and for how long.

    The site's own InfluxDB over TLS is left out: it is known by a name that its URL may not have,
    and whether it works is seen by its probes.
    """
    wanted = {}
    for host in hosts:
        ours = own_influxdb(site, host)
        urls = dict.fromkeys(target.url for target in host.targets if target.url not in ours)
        if urls:
            wanted[host.name] = {"scraped": [*urls], "scrape_seconds": scrape_seconds(host)}
    return {"provision_scraped": json.dumps(wanted)}


def targets_fetched(result: RunResult) -> list[Finding]:
    """What came of it, once for each URL of a host."""
    return [
        Finding(Status.FAILED, Area.TARGET, name, url, wrong)
        if wrong
        else Finding(Status.OK, Area.TARGET, name, url, "can be fetched")
        for name, host in sorted(result.hosts.items())
        for url, wrong in sorted(host.fetched.items())
    ]
