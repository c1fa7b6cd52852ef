"""A metric of our own, sent on every worker each way that its applications send, and looked for."""

from __future__ import annotations

import json
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

# What came over TCP has this tag (statsd.conf).
TRANSPORT = "transport"


@dataclass(frozen=True)
class Probe:
    """One way into Telegraf on a host, and the value that was sent on it.

    The value is the time (ms since 1970), so that it grows from one look to the next. Others may
    look in the same interval: Telegraf adds up what they count, and what is pushed takes the place
    of what was there, so a value that is not lower says that ours has come.
    """

    host: str
    way: str
    value: int


def ways(host: Host) -> list[str]:
    """How the applications of a host send: udp, tcp, pushgateway."""
    return [
        *(transport for transport, _, _ in listeners(host)),
        *["pushgateway"] * host.pushgateway,
    ]


def probes(hosts: Sequence[Host], now: int) -> list[Probe]:
    """A probe for each way of each host, at a time (ms since 1970)."""
    return [Probe(host.name, way, now) for host in hosts for way in ways(host)]


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
    by = f"{identifier(HOST)}, {identifier(TRANSPORT)}"
    counted, pushed = database.ask(
        [
            f"SELECT max({identifier(VALUE)}) FROM {identifier(measurement)} "
            f"WHERE time >= {start}ms GROUP BY {by}"
            for measurement in (PROBE_MEASUREMENT, PROBE_PUSHED)
        ]
    )
    seen: dict[tuple[str, str], float] = {}
    for answer, others in ((counted, "udp"), (pushed, "pushgateway")):
        for series in answer.series:
            way = series.tags.get(TRANSPORT) or others
            seen[series.tags.get(HOST, ""), way] = series.rows[0]["max"] or 0
    missing = counted.error or pushed.error or "never arrived in InfluxDB"
    return [
        Finding(Status.OK, Area.PROBE, probe.host, probe.way, "arrived in InfluxDB")
        if seen.get((probe.host, probe.way), 0) >= probe.value
        else Finding(Status.FAILED, Area.PROBE, probe.host, probe.way, missing)
        for probe in sent
    ]
