"""`provision rehearse`: the whole way for real, on throwaway hosts, to a table of what arrived."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from provision.catalog.model import Metric
from provision.dashboards.model import Kind
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.fleet.applying import apply
from provision.influx import InfluxDB
from provision.output import err, out, show_table, shown, table
from provision.paths import INVENTORY_FILE, cache
from provision.rehearsal.hosts import DEFAULT_NAME, down
from provision.rehearsal.progress import Progress, progress
from provision.rehearsal.send import send_traffic
from provision.rehearsal.stage import Engine, Stage, required, set_stage, write_site
from provision.run.plan import plan_of
from provision.run.plan_view import show_plan
from provision.run.view import RunView
from provision.services import reader, viewer
from provision.traffic import documented_traffic
from provision.verify.arrival import MetricOutcome, Sent, check_metrics
from provision.verify.panels import PanelOutcome, check_panels, check_panels_in_grafana
from provision.verify.strangers import Stranger, undocumented
from provision.verify.waiting import until

# Telegraf gathers and writes every 10 s, with a second's jitter; a slow machine gets thrice that.
MOST_SECONDS = 60


def rehearse(
    *,
    engine: Engine | None,
    inventory: Path | None,
    packages: Path | None,
    require: Sequence[str],
    keep: bool,
) -> int:
    """Boot hosts, provision them twice, send every documented metric, tell what arrived.

    Returns the exit status: 0 only where everything that was sent arrived exactly, every panel's
    query answered and the second run changed nothing.
    """
    started = time.monotonic()
    steps = progress()
    stage = set_stage(
        name=DEFAULT_NAME,
        engine=engine,
        inventory=inventory,
        folder=packages,
        cache=cache(),
        progress=steps,
    )
    with stage.rehearsal as rehearsal:
        required(stage.source, require)
        _provision_twice(stage)
        database = reader(stage.fleet)
        start = int(time.time() * 1000) - 1000
        sent = send_everything(stage, steps)
        with steps.step("waiting for the metrics to arrive"):
            metrics = wait_for_metrics(database, sent, start)
        strangers = undocumented(database, start)
        with steps.step("asking the panels' queries"):
            panels = wait_for_panels(stage, database, start)
        database.close()
        _show_metrics(metrics, panels)
        ok = all(metric.ok for metric in metrics) and all(panel.ok for panel in panels)
        _show_summary(stage, metrics, panels, strangers, time.monotonic() - started)
        if keep:
            write_site(rehearsal, stage.fleet.inventory)
            rehearsal.keep()
            _show_around(stage)
        else:
            err.print("the hosts are taken down; `provision rehearse --keep` leaves them standing")
    return EXIT_OK if ok and not strangers else EXIT_ERROR


def take_down() -> int:
    """Remove what a rehearsal left standing."""
    names = down(DEFAULT_NAME, cache=cache())
    out.print(f"taken down: {', '.join(names)}" if names else "no rehearsal stands")
    return EXIT_OK


def send_everything(stage: Stage, steps: Progress) -> list[Sent]:
    """Do on each worker what the applications on it would do."""
    sent: list[Sent] = []
    for host in stage.fleet.site.workers:
        traffic = documented_traffic(host.applications)
        packets = sum(len(sample.packets) for sample in traffic.samples)
        with steps.step(f"{packets} statsd packets and Prometheus metrics to {host.name}"):
            send_traffic(stage.rehearsal, host, traffic)
        sent += [Sent(host.name, sample) for sample in traffic.samples]
    return sent


def wait_for_metrics(database: InfluxDB, sent: Sequence[Sent], start: int) -> list[MetricOutcome]:
    """Ask until everything is there, or for MOST_SECONDS; what is there then."""
    return until(
        lambda: check_metrics(database, sent, start), _all_ok, time.monotonic() + MOST_SECONDS
    )


def wait_for_panels(stage: Stage, database: InfluxDB, start: int) -> list[PanelOutcome]:
    """Ask until every panel has data (a rate needs two points), or for MOST_SECONDS."""
    catalogs = stage.fleet.site.catalogs
    grafana = viewer(stage.fleet) if stage.source.grafana else None

    def look() -> list[PanelOutcome]:
        end = int(time.time() * 1000)
        if grafana:
            return check_panels_in_grafana(grafana, catalogs, start, end)
        return check_panels(database, catalogs, start, end)

    return until(look, _all_ok, time.monotonic() + MOST_SECONDS, pause=1)


def _all_ok(outcomes: Sequence[MetricOutcome] | Sequence[PanelOutcome]) -> bool:
    return all(outcome.ok for outcome in outcomes)


def _provision_twice(stage: Stage) -> None:
    for title in ("first run", "second run"):
        view = RunView()
        started = time.monotonic()
        result = apply(stage.fleet, check=False, verbose=False, view=view)
        out.print(f"[bold]{title}[/bold]")
        show_plan(plan_of(result), check=False, diff=False, seconds=time.monotonic() - started)
        if not result.ok:
            raise ProvisionError(f"the {title} failed")
    changed = [name for name, host in result.hosts.items() if host.differences or host.changed]
    if changed:
        raise ProvisionError(
            f"the second run changed {', '.join(changed)}: it should change nothing"
        )


def _show_metrics(metrics: Sequence[MetricOutcome], panels: Sequence[PanelOutcome]) -> None:
    panel_of = {
        _key(outcome.dashboard, metric): outcome
        for outcome in panels
        if outcome.panel.kind is Kind.GRAPH
        for metric in outcome.panel.metrics
    }
    listing = table("documented bucket", "type", "series sent", "arrived", "stored as", "panel")
    for metric in (m for m in metrics if m.was_sent):
        panel = panel_of[_key(metric.catalog.app, metric.metric)]
        colour = "green" if metric.ok else "red"
        answer = "green]answers" if panel.ok else f"red]{shown(panel.error or 'no data')}"
        listing.add_row(
            shown(metric.bucket),
            metric.metric.type,
            str(metric.sent),
            f"[{colour}]{metric.arrived}[/{colour}]",
            metric.measurement,
            f"[{answer}[/]",
        )
    show_table(listing)
    for metric in metrics:
        for line in metric.wrong:
            out.print(f"[red]{shown(metric.bucket)} ({metric.metric.type}): {shown(line)}[/red]")
    for each in (panel for panel in panels if not panel.ok):
        name = f"{shown(each.dashboard)}: {shown(each.panel.title)} ({each.panel.kind})"
        out.print(f"[red]{name}: {shown(each.error or 'no data')}[/red]")


def _key(app: str, metric: Metric) -> tuple[str, str, str]:
    return app, metric.name, metric.type.value


def _show_summary(
    stage: Stage,
    metrics: Sequence[MetricOutcome],
    panels: Sequence[PanelOutcome],
    strangers: Sequence[Stranger],
    seconds: float,
) -> None:
    source = stage.source
    for packages in source.local.values():
        for package in packages:
            out.print(f"{package.name} {package.version}: {shown(package.origin)}")
    if source.upstream:
        out.print("packages: upstream's repositories")
    if source.engine == 1 and not source.upstream:
        out.print("InfluxDB 1 from Debian: upstream's repositories cannot be reached from here")
    if not source.grafana:
        out.print("[yellow]not rehearsed: grafana (no package found)[/yellow]; ", end="")
        out.print("the panels' queries were asked of InfluxDB itself")
    for each in strangers:
        out.print(f"[red]undocumented: {shown(each.bucket)} on {shown(each.host)}[/red]")
    for app in dict.fromkeys(metric.catalog.app for metric in metrics):
        of_app = [metric for metric in metrics if metric.catalog.app == app]
        what = "arrived exactly" if of_app[0].was_sent else "gathered by Telegraf were seen"
        out.print(f"  {app}: {sum(metric.ok for metric in of_app)} of {len(of_app)} {what}")
    sent = [metric for metric in metrics if metric.was_sent]
    out.print(
        f"{sum(metric.ok for metric in sent)} of {len(sent)} documented metrics arrived exactly, "
        f"{sum(panel.ok for panel in panels)} of {len(panels)} panels answered, "
        f"{len(strangers)} undocumented buckets, {seconds:.0f} s"
    )


def _show_around(stage: Stage) -> None:
    rehearsal, site = stage.rehearsal, stage.fleet.site
    if stage.source.grafana:
        out.print(f"Grafana: {site.grafana_url} (admin, password in the secrets file)")
    out.print(f"InfluxDB: {site.influxdb_url}")
    out.print(f"secrets: {stage.fleet.secrets_file}")
    inventory = rehearsal.directory / INVENTORY_FILE
    out.print(f"provision them again: provision up -i {shlex.quote(str(inventory))}")
    for host in rehearsal.hosts:
        out.print(f"{host.name}: {shlex.join(rehearsal.ssh(host.name))}")
    out.print("take them down with: provision rehearse --down")
