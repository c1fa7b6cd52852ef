"""Real Telegraf and InfluxDB, from the packages that rehearsals install."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import ansible.module_utils
import pytest

from provision.paths import PLAYBOOKS, cache
from provision.rehearsal import processes
from provision.rehearsal.packages.debian import download
from provision.rehearsal.packages.go import toolchain
from provision.rehearsal.packages.influxdb import influxdb1, influxdb2
from provision.rehearsal.packages.telegraf import telegraf
from provision.rehearsal.progress import Quiet
from provision.secrets import complete
from tests.integration.programs import CLIENTS, HOST, Database, influxdb_process

# Where Ansible finds the project's module_utils when it runs the playbooks.
ansible.module_utils.__path__.append(str(PLAYBOOKS / "module_utils"))

# `make test-all`: what takes minutes to build is built.
EVERYTHING = bool(os.environ.get("PROVISION_TEST_ALL"))


def _binary(package: Path, path: str, directory: Path) -> Path:
    if not (directory / path).exists():
        subprocess.run(["dpkg", "-x", str(package), str(directory)], check=True)
    return directory / path


@pytest.fixture(scope="session")
def telegraf_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _binary(telegraf(cache(), Quiet()), "usr/bin/telegraf", tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="session")
def pushgateway_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's, as a worker installs it."""
    name = "prometheus-pushgateway"
    package = download(name, cache())
    return _binary(package, f"usr/bin/{name}", tmp_path_factory.mktemp("pushgateway"))


@pytest.fixture(scope="session")
def go_client() -> Path:
    """The program of clients/statsd.go, built with the toolchain that Telegraf is built with."""
    sources = [CLIENTS / name for name in ("go.mod", "go.sum", "statsd.go")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    program = cache() / "clients" / f"statsd-go-{digest}"
    if not program.exists():
        go = toolchain(cache(), Quiet())
        part = program.with_suffix(f".{os.getpid()}")
        part.parent.mkdir(parents=True, exist_ok=True)
        argv = (go.program, "build", "-o", part, ".")
        processes.run(*argv, environment=go.environment, cwd=CLIENTS)
        part.rename(program)
    return program


@pytest.fixture(scope="session")
def influxd_binary(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The program of an engine; skips where it would have to be built and nobody asked for that."""

    def find(engine: int) -> Path:
        directory = tmp_path_factory.mktemp("influxd")
        if engine == 1:
            return _binary(influxdb1(cache(), Quiet()), "usr/bin/influxd", directory)
        built = list((cache() / "packages").glob("influxdb2-*/influxdb2_*.deb"))
        if not EVERYTHING and not built:
            pytest.skip("InfluxDB 2 is not built yet: `make test-all` builds it")
        return _binary(influxdb2(cache(), Quiet()), "usr/bin/influxd", directory)

    return find


@pytest.fixture(scope="module", params=[1, 2], ids=["engine-1", "engine-2"])
def database(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    influxd_binary: Callable[[int], Path],
) -> Iterator[Database]:
    """An InfluxDB of each engine, set up by the very code that sets it up on a host."""
    from ansible.module_utils.provision import entries, state

    engine: int = request.param
    directory = tmp_path_factory.mktemp(f"engine-{engine}")
    with ExitStack() as stack:
        url, program = stack.enter_context(
            influxdb_process(engine, influxd_binary(engine), directory)
        )
        entry = state_entry(engine, url)
        secrets = complete({}, entries.secret_names(entry))
        secrets |= state.converge(entry, secrets, check=False, patience=60)["secrets"]
        yield Database(engine, url, secrets, program)
        stack.close()
        shutil.rmtree(directory, ignore_errors=True)


def state_entry(engine: int, url: str) -> dict[str, object]:
    """What a site with default settings wants of its InfluxDB, at another address."""
    from provision.render.manifest import manifest
    from provision.settings import Settings
    from provision.site.model import Host, Site

    host = Host("monitor", True, False, Settings(influxdb_engine=engine), ())  # type: ignore[arg-type]
    worker = Host(HOST, False, True, Settings(), ())
    (entry,) = (
        entry
        for entry in manifest(host, Site((host, worker), url, ""), [])["state"]
        if entry["role"] == "influxdb"
    )
    return {**entry, "url": url}
