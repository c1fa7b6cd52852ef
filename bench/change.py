"""One changed value: what is sent and started anew for it, and how long that takes."""

from __future__ import annotations

import re
from functools import partial

import yaml

from bench.fleets import Bench, fleet
from bench.measuring import Figure, tell, timed

HOSTS = 3
RUNS = 5
WORKER = "w0.rehearsal"
# What no run can do without, by hand.
RESTART, RELOAD = "systemctl restart telegraf", "systemctl reload telegraf"
UNIT = f"systemctl daemon-reload; {RESTART}"
BY_HAND = (RESTART, UNIT, RELOAD)
# When Telegraf listens for statsd again, with a socket that is not the one of before.
LISTENS = """
socket() { ss -Hlune | grep ':8125 ' | grep -o 'ino:[0-9]*'; }
old=$(socket)
%s
until new=$(socket) && [ "$new" != "$old" ]; do sleep 0.02; done
"""
# For how many milliseconds there is no socket, between the one of before and the new one.
DEAF = """
import subprocess, sys, time
def sockets():
    with open("/proc/net/udp") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    return {words[9] for words in lines if words[1].endswith(":%04X" % 8125)}
before, closed = sockets(), None
job = subprocess.Popen(["systemctl", sys.argv[1], "telegraf"])
while not (now := sockets()) - before:
    if closed is None and not now:
        closed = time.monotonic()
    time.sleep(0.0005)
print(0 if closed is None else (time.monotonic() - closed) * 1000)
job.wait()
"""


def main() -> None:
    """Settings of one worker, and what they are held against."""
    with fleet(HOSTS - 1) as bench:
        noop = Figure("no-op", hosts=HOSTS)
        by_hand = {words: Figure(f"{words}, until it takes statsd") for words in BY_HAND}
        taken = Figure("provision up, one setting of one worker", hosts=HOSTS)
        started = Figure("the same with a setting that changes the unit", hosts=HOSTS)
        deaf = {how: Figure(f"{how}: nobody listens", unit="ms") for how in ("reload", "restart")}
        told: dict[str, None] = {}
        for number in range(RUNS):
            bench.up()
            timed(noop, bench.up)
            for words, figure in by_hand.items():
                timed(figure, partial(on_worker, bench, "sh", "-c", LISTENS % words))
            for how, figure in deaf.items():
                figure.runs.append(float(on_worker(bench, "python3", "-c", DEAF, how)))
            for figure, name, value, anew in (
                (taken, "telegraf_statsd_gauge_ttl", f"{25 + number}h", False),
                (started, "telegraf_buffer_megabytes", 1500 + number, True),
            ):
                set_variable(bench, name, value)
                before, loaded = processes(bench), loads(bench)
                timed(figure, lambda: told.setdefault(changes(bench.up("--diff"))))
                touched = differing(loaded, loads(bench)), differing(before, processes(bench))
                if touched != ({WORKER}, {WORKER} if anew else set()):
                    raise RuntimeError(f"loaded and started anew were {touched}")
        taken.most = round(noop.median + by_hand[RESTART].median, 2)
        started.most = round(noop.median + by_hand[UNIT].median, 2)
        figures = [taken, started, noop, *by_hand.values(), *deaf.values()]
        tell("change", figures, "; ".join(told))


def set_variable(bench: Bench, name: str, value: object) -> None:
    """Let the inventory say something else of the worker."""
    path = bench.inventory.parent / "host_vars" / f"{WORKER}.yml"
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(values | {name: value}))


def on_worker(bench: Bench, *argv: str) -> str:
    """What a program prints on the worker."""
    return bench.stage.rehearsal.execute(WORKER, *argv, timeout=60).stdout


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
