"""The real programs, out of the packages that rehearsals install."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provision.paths import cache
from provision.rehearsal.packages.influxdb import influxdb1, influxdb2
from provision.rehearsal.packages.telegraf import telegraf
from provision.rehearsal.progress import progress


def telegraf_program(directory: Path) -> Path:
    """Telegraf, unpacked into a directory."""
    return _unpacked(telegraf(cache(), progress()), directory) / "usr/bin/telegraf"


def influxd_program(engine: int, directory: Path) -> Path:
    """The server of an engine, unpacked into a directory."""
    make = influxdb1 if engine == 1 else influxdb2
    return _unpacked(make(cache(), progress()), directory) / "usr/bin/influxd"


def _unpacked(package: Path, directory: Path) -> Path:
    into = directory / package.stem
    subprocess.run(["dpkg-deb", "-x", package, into], check=True)
    return into
