"""Telegraf, built from its Go module and packed as upstream packs it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from provision.rehearsal import locks, processes
from provision.rehearsal.packages import deb, go
from provision.rehearsal.progress import Progress

MODULE = "github.com/influxdata/telegraf"
VERSION = "1.39.3"
RECIPE = 1

# What is rendered, or of use beside it, and builds in a minute; all plugins take ten times as long.
PLUGINS = (
    "aggregators.starlark",
    *("inputs.cpu", "inputs.disk", "inputs.diskio", "inputs.http", "inputs.internal"),
    *("inputs.influxdb_listener", "inputs.influxdb_v2_listener", "inputs.kernel", "inputs.mem"),
    *("inputs.net", "inputs.nstat", "inputs.processes", "inputs.statsd", "inputs.swap"),
    "inputs.system",
    *("outputs.file", "outputs.influxdb", "outputs.influxdb_v2"),
    *("parsers.influx", "parsers.prometheus", "processors.starlark", "secretstores.docker"),
    "serializers.influx",
)
_SCRIPTS = {
    "preinst": "pre-install.sh",
    "postinst": "post-install.sh",
    "prerm": "pre-remove.sh",
    "postrm": "post-remove.sh",
}


def telegraf(cache: Path, progress: Progress) -> Path:
    """The .deb, from the cache if it was made before; otherwise built, about a minute.

    Only PLUGINS are in it. Its unit, maintainer scripts and the rest are read out of the module
    (scripts/, etc/; packed as by upstream's Makefile).
    """
    directory = cache / "packages" / f"telegraf-{VERSION}-{_key()}"
    with locks.exclusive(cache / "packages" / "telegraf.lock", progress):
        for path in directory.glob("telegraf_*.deb"):
            return path
        processes.require(["dpkg-deb", "dpkg"], purpose="packing Telegraf")
        toolchain = go.toolchain(cache, progress)
        with (
            progress.step(f"Telegraf {VERSION}, built from its Go module") as step,
            tempfile.TemporaryDirectory(prefix="provision-telegraf-") as name,
        ):
            log = cache / "logs" / "telegraf.log"
            log.unlink(missing_ok=True)
            # As upstream: without C libraries it runs on any host, whatever it was built on.
            static = go.Go(toolchain.program, {**toolchain.environment, "CGO_ENABLED": "0"})
            static.install(
                f"{MODULE}/cmd/telegraf@v{VERSION}",
                Path(name),
                log,
                step,
                f"-tags={','.join(('custom', *PLUGINS))}",
                f"-ldflags=-s -w -X {MODULE}/internal.Version={VERSION}",
            )
            step.note("packing")
            program = Path(name) / "telegraf"
            sample = processes.run(program, "config").stdout
            module = toolchain.module(MODULE, f"v{VERSION}")
            return deb.pack(content(module, program, sample), directory)


def content(module: Path, program: Path, sample: str) -> deb.Content:
    """What upstream's package holds (its Makefile: install, and the fpm call for .deb)."""
    scripts = "/usr/lib/telegraf/scripts"
    return deb.Content(
        name="telegraf",
        version=f"{VERSION}-1",
        description="Plugin-driven server agent for reporting metrics into InfluxDB.",
        files={
            "/usr/bin/telegraf": program,
            "/etc/telegraf/telegraf.conf.sample": sample,
            "/etc/logrotate.d/telegraf": module / "etc/logrotate.d/telegraf",
            f"{scripts}/telegraf.service": module / "scripts/telegraf.service",
            f"{scripts}/init.sh": module / "scripts/init.sh",
        },
        executable=("/usr/bin/telegraf", f"{scripts}/init.sh"),
        directories=("/etc/telegraf/telegraf.d", "/var/log/telegraf"),
        conffiles=("/etc/telegraf/telegraf.conf.sample", "/etc/logrotate.d/telegraf"),
        scripts={
            name: (module / "scripts/deb" / file).read_text(encoding="utf-8")
            for name, file in _SCRIPTS.items()
        },
        relations={"Recommends": "influxdata-archive-keyring"},
    )


def _key() -> str:
    return hashlib.sha256(f"{RECIPE} {PLUGINS}".encode()).hexdigest()[:8]
