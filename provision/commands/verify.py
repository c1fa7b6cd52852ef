"""`provision verify`: whether a running fleet is as documented, without changing anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from provision.catalog.model import Catalog
from provision.credentials import ADMIN
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.fleet.applying import apply
from provision.fleet.keeping import assert_provisioned
from provision.fleet.model import Fleet, hosts_of
from provision.fleet.reading import read_fleet
from provision.grafana_requests import GrafanaRefused
from provision.influx import InfluxDB
from provision.inventory import ALL_HOSTS
from provision.run.ansible import HostResult, RunResult
from provision.run.view import RunView
from provision.services import reader, viewer
from provision.site.model import Host, Site
from provision.values import seconds
from provision.verify import report
from provision.verify.findings import Area, Finding, Status, failed
from provision.verify.panels import (
    PanelOutcome,
    check_panels,
    check_panels_in_grafana,
    few_hosts,
)
from provision.verify.probe import probe_variables, probes, probes_seen
from provision.verify.scraping import scrape_variables, targets_fetched
from provision.verify.seen import HOUR, losses, metrics_seen, values_seen
from provision.verify.strangers import strangers_seen
from provision.verify.tags import tags_seen
from provision.verify.totals import totals_seen
from provision.verify.waiting import until

# What is always sent comes every interval; a few may be late.
INTERVALS = 6
# How long a Telegraf that has just been started may take, in intervals: a probe is gathered and
# written; what is told of the time between two gatherings, as cpu's shares are, takes two.
TO_PROBE, TO_ALL = 2, 3
# Nobody waits for longer than a minute for the second: with long intervals what came before counts.
_SPARE, _MOST = 5, 60
# How long Grafana may take to read a dashboard's new file (templates/grafana, dashboards/).
_READ = 15
# By how many milliseconds clocks of hosts may differ.
_APART = 1000


def verify(
    *,
    hosts: Sequence[str] = (),
    options: Sequence[str],
    wait: str,
    since: str,
    form: str,
    strict: bool,
    everything: bool,
    junit: Path | None,
) -> int:
    """Look at every host, or at some, send probes, and hold what InfluxDB has against the catalogs.

    wait and since are durations: how long to wait for what is missing, and how far back to look for
    buckets of no catalog. Returns the exit status: 1 where something is a fault, or, if strict, is
    not as documented. Raises ProvisionError for an inventory, a duration or a file that is wrong.
    """
    patience, window = _seconds("--wait", wait), _seconds("--since", since)
    fleet = read_fleet([*options, "--limit", ",".join(hosts)] if hosts else options)
    hosts_of(fleet, ALL_HOSTS, hosts)
    findings = inspect(fleet, patience=patience, window=window)
    if form == "json":
        print(report.as_json(findings))  # noqa: T201
    elif form == "junit":
        print(report.as_junit(findings), end="")  # noqa: T201
    else:
        report.show(findings, everything=everything)
    if junit:
        try:
            junit.write_text(report.as_junit(findings), encoding="utf-8")
        except OSError as error:
            raise ProvisionError(f"{junit}: {error.strerror}") from error
    wrong = [f for f in findings if f.status is not Status.OK] if strict else []
    return EXIT_ERROR if failed(findings) or wrong else EXIT_OK


def inspect(fleet: Fleet, *, patience: float, window: int) -> list[Finding]:
    """Everything that can be found out about a running fleet; patience and window in seconds."""
    assert_provisioned(fleet)
    limited = fleet.inventory.limited
    kept = tuple(host for host in fleet.site.hosts if host.monitor or host.name in limited)
    site = replace(fleet.site, hosts=kept)
    now = int(time.time() * 1000)
    workers = [host for host in site.workers if host.name in limited]
    sent = probes(workers, now)
    result = apply(
        fleet,
        check=True,
        verbose=False,
        view=RunView(),
        playbook="verify.yml",
        variables={**probe_variables(site, sent), **scrape_variables(site, workers)},
    )
    found, looked = [*_hosts(result), *targets_fetched(result)], time.monotonic()
    left_out = {host.name for host in site.hosts} - limited
    failed_there = {name for name, host in result.hosts.items() if host.failed}
    silent = left_out | failed_there
    # Grafana is asked while the probes are on their way, for an interval or two.
    panels = _through_grafana(fleet, site, result) if site.monitor.settings.grafana_enabled else []
    try:
        database = reader(fleet)
        try:
            interval = _interval(workers)
            probed = looked + max(patience, TO_PROBE * interval + _SPARE)
            seen = _until(lambda: probes_seen(database, sent, now - _APART), probed, silent)
            found += [_maybe_not_sent(each, failed_there) for each in seen]
            ready = looked + max(patience, min(TO_ALL * interval, _MOST) + _SPARE)
            found += stored(database, site, ready, window, silent, _catalogs(fleet))
        finally:
            database.close()
    except ProvisionError as error:
        where = site.monitor.name
        found.append(Finding(Status.FAILED, Area.DATASOURCE, where, "InfluxDB", error.message))
    found += panels
    # A database that cannot be asked is everybody's.
    return [f for f in found if f.host in {"", *limited} or f.area is Area.DATASOURCE]


def _interval(workers: Iterable[Host]) -> int:
    """The seconds within which each of them writes."""
    return max((seconds(host.settings.telegraf_interval) for host in workers), default=0)


def _catalogs(fleet: Fleet) -> list[Catalog]:
    """All that there are; those that hosts have with the values that these give to settings."""
    used = {catalog.app: catalog for catalog in fleet.site.catalogs}
    return [used.get(app, catalog) for app, catalog in fleet.catalogs.items()]


def stored(
    database: InfluxDB,
    site: Site,
    deadline: float,
    window: int,
    silent: Collection[str] = (),
    catalogs: Sequence[Catalog] = (),
) -> list[Finding]:
    """What InfluxDB has of what is documented, and of what is not.

    What is missing is waited for until the deadline (time.monotonic()), but not of silent hosts.
    catalogs are all that there are, those of no host too.
    """
    interval = _interval(site.workers)

    def metrics() -> list[Finding]:
        now = int(time.time() * 1000)
        fresh = now - INTERVALS * interval * 1000
        return metrics_seen(database, site, fresh, lambda then: _ago(now - then))

    found = _until(metrics, deadline, silent)
    since = int((time.time() - window) * 1000)
    found += values_seen(database, site, since)
    found += strangers_seen(database, site, since, catalogs)
    found += [*tags_seen(database, site, since), *totals_seen(database, site, since, interval)]
    found += losses(database, site, since)
    end = int(time.time() * 1000)
    panels = check_panels(database, site.catalogs, end - HOUR, end, few_hosts(site))
    return [*found, *(_panel(outcome, "InfluxDB") for outcome in panels)]


def _seconds(option: str, duration: str) -> int:
    try:
        return seconds(duration)
    except ValueError as error:
        raise ProvisionError(f"{option} {duration!r}: {error}") from error


def _hosts(result: RunResult) -> list[Finding]:
    found = []
    for name, host in sorted(result.hosts.items()):
        if host.failed:
            detail = "; ".join(filter(None, (host.failed.rstrip("."), host.remedy)))
            found.append(Finding(Status.FAILED, Area.HOST, name, "services", detail))
        for each in host.differences:
            why = f": {each.why}" if each.why else ""
            them = "them" if each.kind == "rules" else "it"
            detail = f"`provision up` would {each.action} {them}{why}"
            what = f"{each.kind} {each.name}"
            found.append(Finding(Status.FAILED, Area.HOST, name, what, detail))
        found += [Finding(Status.WARNING, Area.HOST, name, "clock", w) for w in host.warnings]
        if not host.failed:
            found.append(Finding(Status.OK, Area.HOST, name, "services", "up, and answer"))
        if not host.failed and not host.differences:
            what = "configuration"
            found.append(Finding(Status.OK, Area.HOST, name, what, "as it would be rendered"))
    found += [Finding(Status.WARNING, Area.HOST, "", "clock", each) for each in result.warnings]
    return found


def _maybe_not_sent(probe: Finding, failed_there: Collection[str]) -> Finding:
    """A probe that did not come, of a host on which something failed before it could be sent."""
    if probe.status is not Status.FAILED or probe.host not in failed_there:
        return probe
    return replace(probe, detail="not sent: see why the host cannot be looked at")


def _until(
    look: Callable[[], list[Finding]], deadline: float, silent: Collection[str] = ()
) -> list[Finding]:
    """Look again until the time is over, or nothing is at fault but on hosts known to be silent.

    What is at fault on no host, a question that InfluxDB refuses, is not mended by waiting.
    """

    def hopeless(found: list[Finding]) -> bool:
        return all(f.status is not Status.FAILED or f.host in {"", *silent} for f in found)

    return until(look, hopeless, deadline)


def _panel(outcome: PanelOutcome, where: str) -> Finding:
    name = f"{outcome.dashboard}: {outcome.panel.title}"
    if outcome.error:
        return Finding(Status.FAILED, Area.PANEL, "", name, f"{where}: {outcome.error}")
    points = f"{outcome.points} points" if outcome.points else "no data in the last hour"
    return Finding(Status.OK, Area.PANEL, "", name, f"{where}: answers, {points}")


def _through_grafana(fleet: Fleet, site: Site, result: RunResult) -> list[Finding]:
    seen = result.hosts.get(site.monitor.name, HostResult()).differences
    # InfluxDB has a user of that name as well.
    login = ("grafana", "state", f"user {ADMIN}", "change")
    if any((d.role, d.kind, d.name, d.action) == login for d in seen):
        # Five wrong passwords lock the login, for people as well.
        detail = f"not asked: it does not take the password of {ADMIN}"
        return [Finding(Status.FAILED, Area.DATASOURCE, "", "Grafana", detail)]
    end = int(time.time() * 1000)

    def asked() -> list[PanelOutcome] | ProvisionError:
        try:
            return check_panels_in_grafana(
                viewer(fleet), site.catalogs, end - HOUR, end, few_hosts(site)
            )
        except ProvisionError as error:
            return error

    def read(answer: list[PanelOutcome] | ProvisionError) -> bool:
        return not (isinstance(answer, GrafanaRefused) and answer.status == 404)

    panels = until(asked, read, time.monotonic() + _READ)
    if isinstance(panels, ProvisionError):
        what = "; ".join(filter(None, (panels.message, panels.remedy)))
        return [Finding(Status.FAILED, Area.DATASOURCE, "", "Grafana", what)]
    answered = Finding(Status.OK, Area.DATASOURCE, "", "Grafana", "asked through its datasource")
    return [answered, *(_panel(outcome, "Grafana") for outcome in panels)]


def _ago(milliseconds: int) -> str:
    """A time that has passed, in words: 12 s ago, 3 d ago."""
    passed = max(milliseconds, 0) // 1000
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= 2 * size:
            return f"{passed // size} {unit} ago"
    return f"{passed} s ago"
