"""Processes timed side by side, and what came of it as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Figure:
    """One thing that is measured: its runs, in its unit, and what it is held against.

    cpu are the CPU-seconds that the whole machine was busy during each run, hosts included; most
    is the bar, in the same unit.
    """

    name: str
    runs: list[float] = field(default_factory=list)
    unit: str = "s"
    cpu: list[float] = field(default_factory=list)
    hosts: int = 0
    most: float | None = None
    versus: str = ""

    @property
    def median(self) -> float:
        """The middle of its runs."""
        return statistics.median(self.runs)


def busy() -> float:
    """CPU-seconds that this machine was at work since it started (proc(5), stat)."""
    values = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, waiting = values[3], values[4]
    return (sum(values) - idle - waiting) / _TICKS


def timed(figure: Figure, run: Callable[[], object]) -> None:
    """Run something once, and note how long it took and what it cost."""
    before, started = busy(), time.perf_counter()
    run()
    figure.runs.append(time.perf_counter() - started)
    figure.cpu.append(busy() - before)


def command(*argv: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """What a program prints; CalledProcessError, with what it said, where it fails."""
    done = subprocess.run(
        [str(word) for word in argv],
        env={**_usual(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _usual() -> dict[str, str]:
    """The environment, less what would let every Python compile everything anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def machine() -> dict[str, str | int]:
    """On what it was measured."""
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {
        "processor": cpus[0] if cpus else platform.processor(),
        "cores": os.cpu_count() or 0,
        "memory_mib": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def tell(
    title: str,
    figures: Sequence[Figure],
    about: str = "",
    rows: Sequence[Mapping[str, object]] = (),
) -> None:
    """Print the table of a benchmark, and write bench/results/TITLE.json; rows go there too."""
    table = Table("", "median", "lowest", "highest", "runs", "CPU-s a host", "bar", title=title)
    for each in figures:
        cost = statistics.median(each.cpu) / each.hosts if each.cpu and each.hosts else None
        table.add_row(
            each.name,
            *(_number(value, each.unit) for value in (each.median, min(each.runs), max(each.runs))),
            str(len(each.runs)),
            "" if cost is None else f"{cost:.2f}",
            "" if each.most is None else f"{_number(each.most, each.unit)} {_verdict(each)}",
        )
    console = Console(width=120)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    if about:
        console.print(about)
    RESULTS.mkdir(exist_ok=True)
    content = {
        "machine": machine(),
        "about": about,
        "figures": [
            {
                "name": each.name,
                "unit": each.unit,
                "runs": [round(value, 4) for value in each.runs],
                "cpu_seconds": [round(value, 3) for value in each.cpu],
                "hosts": each.hosts,
                "bar": each.most,
            }
            for each in figures
        ],
        **({"rows": list(rows)} if rows else {}),
    }
    path = RESULTS / f"{title}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def _verdict(figure: Figure) -> str:
    assert figure.most is not None
    return "kept" if figure.median <= figure.most else "missed"
