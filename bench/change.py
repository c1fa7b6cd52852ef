"""One changed value: what is sent and started anew for it, and how long that takes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from bench.fleets import Bench, fleet
from bench.measuring import Figure, tell, timed

HOSTS = 3
RUNS, RUNS_EVERYWHERE = 11, 3
WORKER = "w0.rehearsal"
# What no run can do without, by hand.
RESTART, RELOAD = "systemctl restart telegraf", "systemctl reload telegraf"
UNIT = f"systemctl daemon-reload; {RESTART}"
BY_HAND = (RESTART, UNIT, RELOAD)
# Run on the host itself: how many seconds a command takes until Telegraf listens for statsd again,
# and for how many of them there is neither the socket of before nor the new one.
LISTENS = """
import subprocess, sys, time
def sockets():
    with open("/proc/net/udp") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    return {words[9] for words in lines if words[1].endswith(":%04X" % 8125)}
before, closed, begun = sockets(), None, time.monotonic()
job = subprocess.Popen(sys.argv[1], shell=True)
while not (now := sockets()) - before:
    if closed is None and not now:
        closed = time.monotonic()
    time.sleep(0.001)
listens = time.monotonic()
job.wait()
print(listens - begun, listens - (closed or listens))
"""


def main() -> None:
    """On three hosts, ten and fifty, or on as many as BENCH_HOSTS says."""
    only = os.environ.get("BENCH_HOSTS")
    for hosts in [int(only)] if only else [HOSTS, 10, 50]:
        with fleet(hosts - 1) as bench:
            everywhere(bench)
            if hosts == HOSTS:
                one_worker(bench)


def one_worker(bench: Bench) -> None:
    """Settings of one worker, and what they are held against."""
    noop = Figure("no-op", hosts=HOSTS)
    by_hand = {words: Figure(f"{words}, until it listens") for words in BY_HAND}
    deaf = {words: Figure(f"{words}: nobody listens", unit="ms") for words in BY_HAND}
    taken = Figure("provision up, one setting of one worker", hosts=HOSTS)
    anew = Figure("the same, where it is restarted (telegraf_reload: false)", hosts=HOSTS)
    unit = Figure("the same with a setting that changes the unit", hosts=HOSTS)
    connection = Figure("ssh anew, by which it would be done by hand")
    told: dict[str, None] = {}
    variables = bench.inventory.parent / "host_vars" / f"{WORKER}.yml"
    rehearsal = bench.stage.rehearsal
    for number in range(RUNS):
        bench.up()
        timed(noop, bench.up)
        timed(connection, lambda: rehearsal.execute(WORKER, "true", standing=False))
        for words in BY_HAND:
            seconds, silent = map(float, on_worker(bench, LISTENS, words).split())
            by_hand[words].runs.append(seconds)
            deaf[words].runs.append(silent * 1000)
        for figure, reload, name, value in (
            (taken, True, "telegraf_statsd_gauge_ttl", f"{25 + number}h"),
            (anew, False, "telegraf_statsd_gauge_ttl", f"{35 + number}h"),
            (unit, False, "systemd_hardening", bool(number % 2)),
        ):
            set_variable(variables, "telegraf_reload", reload)
            bench.up()
            set_variable(variables, name, value)
            told[changed(bench, figure, {WORKER}, restarts=not reload)] = None
    taken.most = anew.most = round(noop.median + by_hand[RESTART].median, 2)
    unit.most = round(noop.median + by_hand[UNIT].median, 2)
    figures = [taken, anew, unit, noop, *by_hand.values(), connection, *deaf.values()]
    tell("change", figures, "; ".join(told))


def everywhere(bench: Bench) -> None:
    """A setting of all workers at once, and what is done by hand on all of them at once."""
    hosts = bench.hosts
    workers = {worker.name for worker in bench.stage.fleet.site.workers}
    noop = Figure("no-op", hosts=hosts)
    by_hand = {words: Figure(f"{words}, over ssh that stands") for words in (RESTART, RELOAD)}
    taken = Figure(f"provision up, one setting of {len(workers)} workers", hosts=hosts)
    anew = Figure("the same, where they are restarted (telegraf_reload: false)", hosts=hosts)
    told: dict[str, None] = {}
    variables = bench.inventory.parent / "group_vars" / "workers.yml"
    variables.parent.mkdir(exist_ok=True)
    for number in range(RUNS_EVERYWHERE):
        for figure, reload, words in ((taken, True, RELOAD), (anew, False, RESTART)):
            set_variable(variables, "telegraf_reload", reload)
            bench.up()
            timed(noop, bench.up)
            timed(by_hand[words], lambda words=words: at_once(bench, workers, words))
            value = f"{25 + 2 * number + reload}h"
            set_variable(variables, "telegraf_statsd_gauge_ttl", value)
            told[changed(bench, figure, workers, restarts=not reload)] = None
    variables.unlink()
    bench.up()
    taken.most = anew.most = round(noop.median + by_hand[RESTART].median, 2)
    tell(f"change-{hosts}", [taken, anew, noop, *by_hand.values()], "; ".join(told))


def changed(bench: Bench, figure: Figure, workers: set[str], *, restarts: bool) -> str:
    """Time a run that changes these workers; gives what it told. No other Telegraf is touched."""
    before, loaded = processes(bench), loads(bench)
    told: list[str] = []
    timed(figure, lambda: told.append(changes(bench.up("--diff"))))
    touched = differing(loaded, loads(bench)), differing(before, processes(bench))
    if touched != (workers, workers if restarts else set()):
        raise RuntimeError(f"loaded and started anew were {touched}")
    return told[0]


def at_once(bench: Bench, workers: Iterable[str], words: str) -> None:
    """Run a command on all of them at the same time."""
    with ThreadPoolExecutor(bench.hosts) as pool:
        list(pool.map(lambda worker: bench.on(worker, "sh", "-c", words), workers))


def set_variable(path: Path, name: str, value: object) -> None:
    """Let a file of the inventory say something else."""
    values = yaml.safe_load(path.read_text()) if path.exists() else {}
    path.write_text(yaml.safe_dump(values | {name: value}))


def on_worker(bench: Bench, program: str, *words: str) -> str:
    """What a program of Python prints on the worker."""
    execute = bench.stage.rehearsal.execute
    return execute(WORKER, "python3", "-c", program, *words, timeout=60).stdout


def loads(bench: Bench) -> dict[str, str]:
    """How often each worker's Telegraf has read its files."""
    read = "journalctl -u telegraf -o cat | grep -c 'Loading config: /etc/telegraf/telegraf.conf'"
    return _on_workers(bench, read)


def processes(bench: Bench) -> dict[str, str]:
    """The process of each worker's Telegraf."""
    return _on_workers(bench, "systemctl show -p MainPID --value telegraf")


def _on_workers(bench: Bench, script: str) -> dict[str, str]:
    stage = bench.stage
    return {
        worker.name: stage.rehearsal.execute(worker.name, "sh", "-c", script).stdout.strip()
        for worker in stage.fleet.site.workers
    }


def differing(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The workers of which something else is told than before."""
    return {name for name, told in after.items() if told != before[name]}


def changes(text: str) -> str:
    """What a run told of that it did, in one line; differing lines of files are further in."""
    lines = [line.strip() for line in text.splitlines() if re.match("  [a-z]", line)]
    return ", ".join(lines)
