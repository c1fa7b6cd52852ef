"""InfluxDB: 1.x as Debian's own package, 2.x built from its Go module and packed as upstream's."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import locks, processes
from provision.rehearsal.packages import deb, debian, go
from provision.rehearsal.progress import Progress

MODULE = "github.com/influxdata/influxdb/v2"
VERSION = "2.10.0"
PKG_CONFIG = "github.com/influxdata/pkg-config@v0.3.0"
RECIPE = 1
_OLDEST_RUST = (1, 83)  # rust-version of flux 0.200 (libflux/flux/Cargo.toml)
_NEEDED = {"cargo": "cargo", "gcc": "gcc", "git": "git", "pkg-config": "pkg-config"}

# A module of our own, as replacements count in the main module only. The versions that InfluxDB
# asks for of these are not served by every module proxy: replacements of its own go.mod, and
# commits without a tag.
GO_MOD = f"""\
module build

go {go.TOOLCHAIN.removeprefix("go")}

require {MODULE} v{VERSION}

replace (
	github.com/nats-io/nats-streaming-server v0.11.2 => github.com/influxdata/nats-streaming-server v0.11.3-0.20201112040610-c277f7560803
	github.com/influxdata/flux => github.com/influxdata/flux v0.200.0
	github.com/influxdata/pkg-config => github.com/influxdata/pkg-config v0.3.0
)
"""  # noqa: E501


def influxdb1(cache: Path, progress: Progress) -> Path:
    """Debian's influxdb (1.6.7 in Debian 12), downloaded with this machine's apt."""
    with progress.step("InfluxDB 1.x, Debian's package"):
        return debian.download("influxdb", cache)


def influxdb2(cache: Path, progress: Progress) -> Path:
    """influxdb2 as .deb, from the cache if it was made before; otherwise built, 9 to 12 minutes.

    Its unit, start script and maintainer scripts are read out of the module
    (.circleci/packages/influxdb2). The user interface in the browser is not in it.
    Raises ProvisionError if a C or Rust compiler is missing or too old.
    """
    directory = cache / "packages" / f"influxdb2-{VERSION}-{_key()}"
    with locks.exclusive(cache / "packages" / "influxdb2.lock", progress):
        for path in directory.glob("influxdb2_*.deb"):
            return path
        _check_compilers()
        toolchain = go.toolchain(cache, progress)
        with (
            progress.step(f"InfluxDB {VERSION}, built from its Go module") as step,
            tempfile.TemporaryDirectory(prefix="provision-influxdb-") as name,
        ):
            place = Path(name)
            log = cache / "logs" / "influxdb2.log"
            log.unlink(missing_ok=True)
            # It stands before the real one, and has it build flux's library in Rust.
            toolchain.install(PKG_CONFIG, place, log, step)
            (place / "go.mod").write_text(GO_MOD, encoding="utf-8")
            program = place / "influxd"
            processes.build(
                [
                    *(toolchain.program, "build", "-mod=mod", "-v", "-o", program),
                    *("-tags", "sqlite_foreign_keys,sqlite_json"),
                    *("-ldflags", f"-s -w -X main.version=v{VERSION}"),
                    f"{MODULE}/cmd/influxd",
                ],
                log=log,
                step=step,
                environment=_environment(toolchain, place / "pkg-config"),
                cwd=place,
            )
            step.note("packing")
            module = toolchain.module(MODULE, f"v{VERSION}")
            return deb.pack(content(module, program), directory)


def content(module: Path, program: Path) -> deb.Content:
    """What upstream's package holds (.circleci/packages: config.yaml, influxdb2)."""
    source = module / ".circleci/packages/influxdb2"
    names = {"preinst": "pre-install", "postinst": "post-install", "postrm": "post-uninstall"}
    files = {
        f"/{path.relative_to(source / 'fs')}": path
        for path in sorted((source / "fs").rglob("*"))
        if path.is_file() and path.name not in (".keepdir", ".gitkeep")
    }
    return deb.Content(
        name="influxdb2",
        version=f"{VERSION}-1",
        description="Distributed time-series database.",
        files={
            **files,
            "/usr/bin/influxd": program,
            "/usr/share/influxdb/LICENSE": module / "LICENSE",
        },
        executable=("/usr/bin/influxd", *(path for path in files if path.endswith(".sh"))),
        directories=("/var/lib/influxdb", "/var/log/influxdb"),
        conffiles=("/etc/logrotate.d/influxdb",),
        scripts={
            name: (source / "control" / file).read_text(encoding="utf-8")
            for name, file in names.items()
        },
        relations={
            "Depends": "curl",
            "Recommends": "influxdata-archive-keyring, influxdb2-cli",
            "Conflicts": "influxdb",
        },
    )


def _environment(toolchain: go.Go, pkg_config: Path) -> dict[str, str]:
    return {
        **toolchain.environment,
        "CGO_ENABLED": "1",
        "PKG_CONFIG": str(pkg_config),
        "RUSTFLAGS": "--cap-lints warn",
        # The directory that is built in is no Rust project that could pin one.
        "RUSTUP_TOOLCHAIN": "stable",
    }


def _check_compilers() -> None:
    missing = [name for name in _NEEDED if processes.find(name) is None]
    if missing:
        raise ProvisionError(
            f"building InfluxDB {VERSION} needs {', '.join(missing)}, not found on this machine",
            remedy=f"apt-get install {' '.join(_NEEDED[name] for name in missing)}; or give"
            " influxdb2's .deb with --packages, or rehearse with InfluxDB 1",
        )
    answer = processes.run(
        "cargo", "--version", check=False, environment={"RUSTUP_TOOLCHAIN": "stable"}
    )
    match = re.match(r"cargo (\d+)\.(\d+)", answer.stdout)
    if match is None or (int(match[1]), int(match[2])) < _OLDEST_RUST:
        found = answer.stdout.strip() or answer.stderr.strip()
        raise ProvisionError(
            f"building InfluxDB {VERSION} needs Rust {_OLDEST_RUST[0]}.{_OLDEST_RUST[1]} or later,"
            f" not {found}",
            remedy="install it with rustup (Debian 12's is too old); or give influxdb2's .deb with"
            " --packages, or rehearse with InfluxDB 1",
        )


def _key() -> str:
    return hashlib.sha256(f"{RECIPE} {GO_MOD}".encode()).hexdigest()[:8]
