"""Rendering a fleet of a thousand hosts with four applications, and of ten thousand."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.measuring import Figure, command, tell

APPS = ["realm", "django-clickhouse", "tinybird-jobs", "dataclay"]
RUNS = 3
# In a process of its own each time: what is measured is all that there is to do, and its memory.
PROGRAM = """
import resource, sys, time
from pathlib import Path
from provision.fleet import read_fleet
from provision.render.tree import write_tree
site = read_fleet(["-i", sys.argv[1]]).site
started = time.perf_counter()
write_tree(site, Path(sys.argv[2]))
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def inventory(path: Path, hosts: int) -> Path:
    """A site with so many workers, each with four applications."""
    names = "".join(f"    w{number}.example.com:\n" for number in range(hosts))
    path.write_text(
        "monitor:\n  hosts:\n    monitor.example.com:\n"
        f"workers:\n  hosts:\n{names}"
        f"  vars:\n    apps: [{', '.join(APPS)}]\n    django_clickhouse_prefix: clickhouse\n"
        "    dataclay_targets: [{url: 127.0.0.1:8000, service: backend}]\n",
        encoding="utf-8",
    )
    return path


def main() -> None:
    """A thousand, then ten thousand."""
    figures = []
    for hosts, most in ((1000, 2.0), (10_000, 20.0)):
        rendered = Figure(f"render {hosts:,} hosts", hosts=hosts, most=most)
        memory = Figure(f"memory at its highest, {hosts:,} hosts", unit="MiB")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            site = inventory(Path(directory) / "inventory.yml", hosts)
            for number in range(RUNS if hosts == 1000 else 1):
                seconds, size = command(
                    sys.executable, "-c", PROGRAM, site, Path(directory) / f"tree{number}"
                ).split()
                rendered.runs.append(float(seconds))
                memory.runs.append(float(size))
        figures += [rendered, memory]
    tell(
        "rendering",
        figures,
        "written to memory; reading the inventory is Ansible's work and not in it",
    )
