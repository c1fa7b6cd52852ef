"""One changed value: what is sent and restarted for it, and how long that takes."""

from __future__ import annotations

import yaml

from bench.fleets import Bench, fleet
from bench.measuring import Figure, tell, timed

HOSTS = 3
RUNS = 5
WORKER = "w0.rehearsal"


def main() -> None:
    """A setting of one worker, and what it is held against."""
    with fleet(HOSTS - 1) as bench:
        noop = Figure("no-op", hosts=HOSTS)
        restart = Figure("systemctl restart telegraf, until it takes statsd")
        ours = Figure("provision up, one setting of one worker", hosts=HOSTS)
        words: set[str] = set()
        for number in range(RUNS):
            bench.up()
            timed(noop, bench.up)
            timed(restart, lambda: restarted(bench))
            set_variable(bench, "telegraf_statsd_gauge_ttl", f"{25 + number}h")
            before = pids(bench)
            timed(ours, lambda: words.add(changes(bench.up("--diff"))))
            touched = {host for host, pid in pids(bench).items() if pid != before[host]}
            if touched != {WORKER}:
                raise RuntimeError(f"restarted on {touched}, and not on {WORKER} alone")
        ours.most = round(noop.median + restart.median, 2)
        tell("change", [ours, noop, restart], "; ".join(sorted(words)))


def set_variable(bench: Bench, name: str, value: object) -> None:
    """Let the inventory say something else of the worker."""
    path = bench.inventory.parent / "host_vars" / f"{WORKER}.yml"
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(values | {name: value}))


def restarted(bench: Bench) -> None:
    """What no run can do without: Telegraf ends, starts and listens again."""
    listens = "until ss -Hlun | grep -q ':8125 '; do sleep 0.02; done"
    bench.stage.rehearsal.execute(
        WORKER, "sh", "-c", f"systemctl restart telegraf && {listens}", timeout=60
    )


def pids(bench: Bench) -> dict[str, str]:
    """The process of each worker's Telegraf."""
    return {
        worker.name: bench.stage.rehearsal.execute(
            worker.name, "systemctl", "show", "-p", "MainPID", "--value", "telegraf"
        ).stdout.strip()
        for worker in bench.stage.fleet.site.workers
    }


def changes(text: str) -> str:
    """What a run told of that it did, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    return ", ".join(line for line in lines if not line.startswith(("+", "-", "@")))
