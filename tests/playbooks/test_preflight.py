from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import trees
from comparing import manifest, preflight
from comparing.differences import Difference
from comparing.report import Listener, Preflight, Report, Room

FINE = Preflight(
    system="debian", version="12", name="Debian GNU/Linux 12", init="systemd",
    architecture="amd64", user="0", python=True, free={"/": Room(10**7), "/var": Room(10**7)},
    listeners=(), texts={},
)  # fmt: skip
INSTALL = [Difference("packages", "package", "telegraf", "install", "it is not installed")]


@pytest.fixture
def worker(tmp_path: Path) -> manifest.Manifest:
    trees.worker(tmp_path, "w", repository=trees.repository("u", "k", "F"), monitor="m")
    return manifest.load(tmp_path, "w")


def told(of: manifest.Manifest, **changes: object) -> str | None:
    seen = dataclasses.replace(FINE, **changes)  # type: ignore[arg-type]
    against = preflight.problem(of, Report(), seen, INSTALL, minimum_free_mib=1024)
    assert against is None or against.remedy
    return against.problem if against else None


def test_nothing_speaks_against_a_fine_host(worker: manifest.Manifest) -> None:
    assert told(worker) is None
    assert told(worker, system="ubuntu", version="26.04") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "10"}, "not supported"),
        ({"system": "fedora", "version": "42"}, "not supported"),
        ({"init": "docker-init"}, "docker-init"),
        ({"architecture": "armhf"}, "armhf"),
        ({"user": "1000"}, "root"),
        ({"python": False}, "python3"),
        ({"free": {"/": Room(10**7), "/var": Room(1000)}}, "/var has 0 MiB left"),
        ({"free": {"/run": Room(100)}}, "/run has 100 KiB left"),
        ({"free": {"/tmp": Room(10**7, 3)}}, "/tmp has 3 inodes left"),
        ({"free": {"/etc/telegraf": Room(10**7, writable=False)}}, "/etc/telegraf is read-only"),
        ({"listeners": (Listener("udp", "*", 8125, "statsite", "statsite"),)},
         "statsite (of statsite.service) already listens on udp port 8125"),
        ({"listeners": (Listener("udp", "127.0.0.1", 8125, "", ""),)}, "another program"),
    ],
)  # fmt: skip
def test_what_speaks_against(
    worker: manifest.Manifest, changes: dict[str, object], words: str
) -> None:
    problem = told(worker, **changes)
    assert problem is not None
    assert words in problem


def test_where_no_package_is_to_be_installed_none_is_missing(worker: manifest.Manifest) -> None:
    seen = dataclasses.replace(FINE, architecture="")
    found = [Difference("telegraf", "file", "/etc/a", "change", "its content differs")]
    assert preflight.problem(worker, Report(), seen, found, minimum_free_mib=1024) is None


@pytest.mark.parametrize(
    "listener",
    [
        Listener("udp", "127.0.0.1", 8125, "telegraf", "telegraf"),
        Listener("tcp", "127.0.0.1", 8125, "other", ""),
        Listener("udp", "10.0.0.1", 8125, "other", ""),
        Listener("udp", "127.0.0.1", 8126, "other", ""),
    ],
)
def test_listeners_that_are_not_in_the_way(worker: manifest.Manifest, listener: Listener) -> None:
    assert told(worker, listeners=(listener,)) is None


def test_a_taken_port_is_told_with_what_takes_it_and_what_needs_it(
    worker: manifest.Manifest,
) -> None:
    trees.add_pushgateway(worker.tree.parent, "w")
    of = manifest.load(worker.tree.parent, "w")
    assert told(of, listeners=(Listener("tcp", "*", 9091, "transmission", "bittorrent"),)) == (
        "transmission (of bittorrent.service) already listens on tcp port 9091, which"
        " prometheus-pushgateway needs."
    )
    own = Listener("tcp", "*", 9091, "prometheus-push", "prometheus-pushgateway")
    assert told(of, listeners=(own,)) is None


def test_a_conflicting_package_is_not_removed_but_named(tmp_path: Path) -> None:
    trees.monitor(tmp_path, "m", repository=trees.repository("u", "k", "F"))
    seen = Report(packages={"influxdb": ("1.6.7", "install ok installed")})
    against = preflight.conflicting_package(manifest.load(tmp_path, "m"), seen)
    assert against is not None
    assert "The package influxdb is installed" in against.problem


def test_the_setting_to_change_is_named(worker: manifest.Manifest) -> None:
    service = dataclasses.replace(
        worker.services[0], settings={"udp:127.0.0.1:8125": "telegraf_statsd_port"}
    )
    of = dataclasses.replace(worker, services=(service,))
    seen = dataclasses.replace(FINE, listeners=(Listener("udp", "*", 8125, "statsite", ""),))
    against = preflight.problem(of, Report(), seen, INSTALL, minimum_free_mib=1024)
    assert against is not None
    assert (
        against.remedy == "stop statsite, or give telegraf another port: set telegraf_statsd_port"
    )


def test_a_masked_unit_is_somebodys_will(worker: manifest.Manifest) -> None:
    seen = Report(services={"telegraf": {"LoadState": "masked", "UnitFileState": "masked"}})
    against = preflight.problem(worker, seen, FINE, INSTALL, minimum_free_mib=1024)
    assert against is not None
    assert "telegraf.service is masked" in against.problem and "unmask" in against.remedy


def test_the_places_that_are_looked_at_are_those_that_are_written_to(
    worker: manifest.Manifest,
) -> None:
    changes = [
        Difference("telegraf", "file", "/etc/telegraf/telegraf.conf", "change", "it differs"),
        Difference("telegraf", "absent", "/etc/telegraf/telegraf.d/old.conf", "remove", "it must"),
        Difference("telegraf", "service", "telegraf", "restart", "its package changes"),
    ]
    assert preflight.places(worker, changes) == ["/etc/telegraf", "/etc/telegraf/telegraf.d"]
