"""One changed value: what is sent and started anew for it, and how long that takes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path

import yaml

from bench.fleets import Bench, fleet, packages
from bench.measuring import Figure, tell, timed
from provision.paths import CATALOGS

HOSTS = 3
RUNS, RUNS_EVERYWHERE, RUNS_GRAFANA = 11, 3, 7
WORKER, MONITOR = "w0.rehearsal", "monitor.rehearsal"
# What no run can do without, by hand.
RESTART, RELOAD = "systemctl restart telegraf", "systemctl reload telegraf"
UNIT = f"systemctl daemon-reload; {RESTART}"
BY_HAND = (RESTART, UNIT, RELOAD)
RESTART_GRAFANA = "systemctl restart grafana-server"
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
# Likewise, until Grafana answers.
ANSWERS = """
import subprocess, sys, time, urllib.request
begun = time.monotonic()
subprocess.run(sys.argv[1], shell=True, check=True)
while True:
    try:
        urllib.request.urlopen("http://127.0.0.1:3000/api/health").close()
        break
    except OSError:
        time.sleep(0.01)
print(time.monotonic() - begun)
"""


def main() -> None:
    """On three hosts, ten and fifty, or on as many as BENCH_HOSTS says."""
    only = os.environ.get("BENCH_HOSTS")
    for hosts in [int(only)] if only else [HOSTS, 10, 50]:
        with fleet(hosts - 1) as bench:
            everywhere(bench)
            if hosts == HOSTS:
                one_worker(bench)
                if packages():
                    of_grafana(bench)


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
            seconds, silent = map(float, on_host(bench, WORKER, LISTENS, words).split())
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


def of_grafana(bench: Bench) -> None:
    """A text of a catalog, for a dashboard, a threshold, for an alert too, a setting of Grafana."""
    noop = Figure("no-op", hosts=HOSTS)
    by_hand = Figure(f"{RESTART_GRAFANA}, until it answers")
    read = Figure("provision up, a title in a catalog", hosts=HOSTS)
    taken = Figure("provision up, a threshold in a catalog", hosts=HOSTS)
    anew = Figure("provision up, a setting for which Grafana is restarted", hosts=HOSTS)
    told: dict[str, None] = {}
    text = (CATALOGS / "realm.yaml").read_text()
    catalog = bench.inventory.parent / "catalogs" / "realm.yaml"
    catalog.parent.mkdir()
    variables = bench.inventory.parent / "host_vars" / f"{MONITOR}.yml"
    before = variables.read_text()
    set_variable(variables, "grafana_smtp_host", "smtp.example.com:587")

    said: dict[str, str] = {}

    def in_catalog(before: str, now: str) -> None:
        said[before] = now
        catalog.write_text(reduce(lambda words, each: words.replace(*each), said.items(), text))

    def title(number: int) -> None:
        in_catalog("Sessions online", f"Sessions online {number + 1}")

    def threshold(number: int) -> None:
        in_catalog("above: 0", f"above: {number + 1}")

    def sender(number: int) -> None:
        set_variable(variables, "grafana_smtp_from", f"grafana-{number}@example.com")

    sender(RUNS_GRAFANA)
    bench.up()
    for number in range(RUNS_GRAFANA):
        timed(noop, bench.up)
        by_hand.runs.append(float(on_host(bench, MONITOR, ANSWERS, RESTART_GRAFANA)))
        for figure, change in ((read, title), (taken, threshold), (anew, sender)):
            grafana = process_of(bench, MONITOR, "grafana-server")
            change(number)
            told[changed(bench, figure, set(), restarts=False)] = None
            if (process_of(bench, MONITOR, "grafana-server") != grafana) != (figure is not read):
                raise RuntimeError(f"Grafana was restarted, or not, which is wrong: {figure.name}")
    catalog.unlink()
    variables.write_text(before)
    bench.up()
    taken.most = anew.most = round(noop.median + by_hand.median, 2)
    tell("change-grafana", [read, taken, anew, noop, by_hand], "; ".join(told))


def everywhere(bench: Bench) -> None:
    """A setting of all workers at once, and what is done by hand on all of them at once."""
    hosts = bench.hosts
    workers = set(workers_of(bench))
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


def on_host(bench: Bench, host: str, program: str, *words: str) -> str:
    """What a program of Python prints on a host."""
    execute = bench.stage.rehearsal.execute
    return execute(host, "python3", "-c", program, *words, timeout=60).stdout


def loads(bench: Bench) -> dict[str, str]:
    """How often each worker's Telegraf has read its files."""
    read = "journalctl -u telegraf -o cat | grep -c 'Loading config: /etc/telegraf/telegraf.conf'"
    return {host: printed(bench, host, read) for host in workers_of(bench)}


def processes(bench: Bench) -> dict[str, str]:
    """The process of each worker's Telegraf."""
    return {host: process_of(bench, host, "telegraf") for host in workers_of(bench)}


def process_of(bench: Bench, host: str, service: str) -> str:
    """The process of a service."""
    return printed(bench, host, f"systemctl show -p MainPID --value {service}")


def printed(bench: Bench, host: str, script: str) -> str:
    """What a script of the shell prints on a host."""
    return bench.stage.rehearsal.execute(host, "sh", "-c", script).stdout.strip()


def workers_of(bench: Bench) -> list[str]:
    """The names of the workers."""
    return [worker.name for worker in bench.stage.fleet.site.workers]


def differing(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The workers of which something else is told than before."""
    return {name for name, told in after.items() if told != before[name]}


def changes(text: str) -> str:
    """What a run told of that it did, in one line; differing lines of files are further in."""
    lines = [line.strip() for line in text.splitlines() if re.match("  [a-z]", line)]
    return ", ".join(lines)
