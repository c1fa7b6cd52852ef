"""A metric of our own, sent on every worker each way that its applications send, and looked for."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provision.catalog.model import VALUE
from provision.dashboards.influxql import identifier
from provision.influx import InfluxDB
from provision.render.manifest import listeners, pushgateway_url
from provision.render.telegraf import PROBE_BUCKET, PROBE_MEASUREMENT, PROBE_NAME, PROBE_PUSHED
from provision.site.model import Host, Site
from provision.verify.arrival import HOST
from provision.verify.findings import Area, Finding, Status


@dataclass(frozen=True)
class Probe:
    """One way into Telegraf on a host, and the value that was sent on it."""

    host: str
    way: str
    value: int


def ways(host: Host) -> list[str]:
    """How the applications of a host send: udp, tcp, pushgateway."""
    return [
        *(transport for transport, _, _ in listeners(host)),
        *["pushgateway"] * host.pushgateway,
    ]


def probes(hosts: Sequence[Host]) -> list[Probe]:
    """A probe for each way of each host, all with values of their own."""
    every = [(host.name, way) for host in hosts for way in ways(host)]
    values = random.sample(range(1, 2**31), len(every))
    return [Probe(*each, value) for each, value in zip(every, values, strict=True)]


def probe_variables(site: Site, sent: Sequence[Probe]) -> dict[str, str]:
    """What playbooks/verify.yml takes: for each host what to send where."""
    hosts = {host.name: host for host in site.workers}
    tasks: dict[str, list[Mapping[str, object]]] = {}
    for probe in sent:
        host = hosts[probe.host]
        if probe.way == "pushgateway":
            url = pushgateway_url(host)
            task: Mapping[str, object] = {"way": "pushgateway", "url": url, "text": _page(probe)}
        else:
            ((_, address, port),) = [each for each in listeners(host) if each[0] == probe.way]
            line = f"{PROBE_BUCKET}:{probe.value}|c"
            task = {"way": probe.way, "address": address, "port": port, "text": line}
        tasks.setdefault(probe.host, []).append(task)
    return {"provision_probes": json.dumps(tasks)}


def _page(probe: Probe) -> str:
    return f"# TYPE {PROBE_NAME} gauge\n{PROBE_NAME} {probe.value}\n"


def probes_seen(database: InfluxDB, sent: Sequence[Probe], start: int) -> list[Finding]:
    """Which probes are in InfluxDB since a time (ms since 1970)."""
    (answer,) = database.ask(
        [
            f"SELECT {identifier(VALUE)} "
            f"FROM {identifier(PROBE_MEASUREMENT)}, {identifier(PROBE_PUSHED)} "
            f"WHERE time >= {start}ms GROUP BY {identifier(HOST)}"
        ]
    )
    seen = {(s.tags.get(HOST, ""), int(row[VALUE])) for s in answer.series for row in s.rows}
    missing = answer.error or "never arrived in InfluxDB"
    return [
        Finding(Status.OK, Area.PROBE, probe.host, probe.way, "arrived in InfluxDB")
        if (probe.host, probe.value) in seen
        else Finding(Status.FAILED, Area.PROBE, probe.host, probe.way, missing)
        for probe in sent
    ]
