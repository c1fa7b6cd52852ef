"""A stage for a rehearsal: hosts, the packages they install from, and the site they are."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import yaml

from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.inventory import MONITOR_GROUP, WORKERS_GROUP, Inventory
from provision.output import note
from provision.paths import CATALOGS_DIRECTORY, INVENTORY_FILE
from provision.rehearsal.base import base_image
from provision.rehearsal.hosts import Rehearsal, as_option, up
from provision.rehearsal.packages import (
    Package,
    Packages,
    collect,
    debian,
    reachable,
    read_folder,
)
from provision.rehearsal.progress import Progress
from provision.rehearsal.repository import publish, serve
from provision.rehearsal.threads import concurrently
from provision.render.manifest import wanted_packages
from provision.secrets import FILE_NAME
from provision.settings import Settings
from provision.site.model import Site
from provision.tls.model import FILES, OWN_CA
from provision.watched_influxdb import TARGETS

MONITOR = "monitor.rehearsal"
# InfluxDB's own metrics are played as well, for it may not have all of them yet; beside it.
INFLUXDB_PLAYED = "127.0.0.1:18086"
# Every documented application on one host, in several instances, and one application alone.
WORKERS: dict[str, dict[str, Any]] = {
    "worker-1.rehearsal": {
        "apps": ["realm", "django-clickhouse", "tinybird-jobs", "dataclay"],
        "django_clickhouse_prefix": ["clickhouse", "shop.clickhouse"],
        "dataclay_targets": [
            {"url": "127.0.0.1:8000", "service": "metadata-service"},
            {"url": "127.0.0.1:8001", "service": "backend"},
            {"url": "127.0.0.1:8002", "service": "backend"},
        ],
        "dataclay_pushgateway": True,
    },
    "worker-2.rehearsal": {"apps": ["realm"]},
}

# What a site is rehearsed without: nobody is told of alerts, nothing is sent to others' machines.
_BY_ITSELF: dict[str, Any] = {
    "grafana_contacts": {},
    "grafana_smtp_user": None,
    "influxdb": {},
    "telegraf_gateway_url": None,
}

Engine = Literal[1, 2]


@dataclass(frozen=True)
class Source:
    """Where the hosts take their packages from.

    upstream: the repositories that the settings name; local: .debs for a repository of our own, by
    the name of the repository that it stands for (influxdata, grafana).
    """

    engine: Engine
    upstream: bool
    local: dict[str, tuple[Package, ...]]

    @property
    def grafana(self) -> bool:
        """Whether there is a Grafana to install."""
        return self.upstream or "grafana" in self.local


@dataclass(frozen=True)
class Stage:
    """Everything that a rehearsal runs on."""

    rehearsal: Rehearsal
    fleet: Fleet
    source: Source


def find_source(
    engine: Engine | None, folder: Path | None, cache: Path, progress: Progress
) -> Source:
    """Decide where packages come from: a folder of .debs, then upstream, then made here.

    engine None is the demo's: InfluxDB 2 where upstream is reached or the folder has it, else 1.
    """
    given = read_folder(folder) if folder else {}
    settings = Settings()
    upstream = not given and all(
        reachable(url)
        for url in (settings.influxdata_repository_key_url, settings.grafana_repository_key_url)
    )
    if engine is None:
        engine = 2 if upstream or "influxdb2" in given else 1
    if upstream:
        return Source(engine, True, {})
    packages: Packages = collect(engine, folder, cache, progress)
    local: dict[str, tuple[Package, ...]] = {
        "influxdata": tuple(p for name, p in packages.by_name.items() if name != "grafana")
    }
    if "grafana" in packages.by_name:
        local["grafana"] = (packages.by_name["grafana"],)
    return Source(engine, False, local)


def set_stage(
    *,
    name: str,
    engine: Engine | None,
    inventory: Path | None,
    folder: Path | None,
    cache: Path,
    progress: Progress,
    settings: dict[str, Any] | None = None,
    demo: Mapping[str, dict[str, Any]] = WORKERS,
) -> Stage:
    """Boot the hosts of the demo, or of a site's inventory, and give them packages.

    settings are variables for all hosts, demo the workers where there is no inventory. The caller
    takes the stage's rehearsal down.
    """
    monitor, workers = MONITOR, tuple(demo)
    own_tls: dict[str, Any] = {}
    if inventory:
        site = read_fleet(["-i", str(inventory)]).site
        monitor, workers = site.monitor.name, tuple(host.name for host in site.workers)
        engine = site.monitor.settings.influxdb_engine
        if left := left_out(site):
            note(f"rehearsed without {', '.join(left)}: no other machine is gone to")
        if site.tls.mode == FILES:
            # The site's key goes nowhere else, and its certificate is not for these addresses.
            own_tls = {"tls": OWN_CA, **dict.fromkeys(("tls_certificate", "tls_key", "tls_ca"))}
    base, source = concurrently(
        partial(base_image, cache, progress), partial(find_source, engine, folder, cache, progress)
    )
    assert isinstance(base, Path) and isinstance(source, Source)
    rehearsal = up(
        list(dict.fromkeys([monitor, *workers])),
        name=name,
        cache=cache,
        progress=progress,
        base=base,
    )
    try:
        variables = _repositories(rehearsal, source, progress) | own_tls | (settings or {})
        path = write_overlay(
            *(rehearsal, source, monitor, {} if inventory else demo, variables),
            watched=monitor in workers,
        )
        sources = [*(["-i", str(inventory)] if inventory else []), "-i", str(path)]
        fleet = read_fleet(sources)
        assert_only_ours(rehearsal, fleet)
        hand_out(rehearsal, fleet, base, cache, progress)
        # A rehearsal has secrets of its own: those of the site stay where they are.
        fleet = replace(fleet, secrets_file=rehearsal.directory / FILE_NAME)
    except BaseException:
        rehearsal.down()
        raise
    return Stage(rehearsal, fleet, source)


def left_out(site: Site) -> list[str]:
    """The settings of a site that its rehearsal does without, which are about others' machines."""
    hosts = [host.settings for host in site.hosts]
    given = {
        "influxdb.external": site.external is not None,
        "grafana_contacts": bool(site.monitor.settings.grafana_contacts),
        "telegraf_gateway_url": any(each.telegraf_gateway_url for each in hosts),
    }
    return [name for name, there in given.items() if there]


def write_overlay(
    rehearsal: Rehearsal,
    source: Source,
    monitor: str,
    workers: Mapping[str, dict[str, Any]],
    variables: dict[str, Any],
    *,
    watched: bool = False,
) -> Path:
    """The inventory of a rehearsal; beside a site's own it only says how its hosts are reached.

    workers are those of the demo, with their variables; none where the site says who they are.
    watched: the monitoring host is a worker as well, and its InfluxDB may be an application there.
    The variables are host_vars, which a site's own group_vars and host lines do not override.
    """
    directory = rehearsal.directory
    common = connection_variables(rehearsal) | variables
    (directory / "host_vars").mkdir(exist_ok=True)
    for host in rehearsal.hosts:
        values = {**({} if workers else _BY_ITSELF), **common, "ansible_host": host.address}
        if host.name == monitor:
            values["influxdb_engine"] = source.engine
            # The site's own addresses are those of other machines.
            values |= {"influxdb_url": None, "influxdb_address": "", "grafana_address": ""}
            values["grafana_url"] = None
            if watched:
                values[TARGETS] = [INFLUXDB_PLAYED]
            if not source.grafana:
                values["grafana_enabled"] = False
        path = directory / "host_vars" / f"{host.name}.yml"
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    content: dict[str, Any] = {"all": {"hosts": {host.name: None for host in rehearsal.hosts}}}
    if workers:
        content[MONITOR_GROUP] = {"hosts": {monitor: None}}
        content[WORKERS_GROUP] = {"hosts": dict(workers)}
    path = directory / INVENTORY_FILE
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def write_site(rehearsal: Rehearsal, inventory: Inventory) -> None:
    """Make the folder of a rehearsal a site by itself, with all that is known of its hosts.

    inventory is that of the rehearsal's fleet, which a site's own is a part of.
    """
    directory, groups = rehearsal.directory, dict[str, Any]()
    for host in inventory.hosts:
        for group in sorted(host.groups & {MONITOR_GROUP, WORKERS_GROUP}):
            groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = None
            path = directory / "host_vars" / f"{host.name}.yml"
            values = {**host.variables, **yaml.safe_load(path.read_text("utf-8"))}
            path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    text = yaml.safe_dump(groups, sort_keys=False)
    (directory / INVENTORY_FILE).write_text(text, encoding="utf-8")
    catalogs = inventory.directory / CATALOGS_DIRECTORY
    if catalogs.is_dir() and inventory.directory != directory:
        shutil.copytree(catalogs, directory / CATALOGS_DIRECTORY)


def connection_variables(rehearsal: Rehearsal) -> dict[str, Any]:
    """How Ansible reaches the hosts of a rehearsal, and no others: only its key, only its hosts."""
    options = {
        "UserKnownHostsFile": as_option(rehearsal.known_hosts),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "ControlPath": rehearsal.control_path,
    }
    return {
        "ansible_user": "root",
        "ansible_port": 22,
        "ansible_connection": "ssh",
        "ansible_ssh_private_key_file": str(rehearsal.ssh_key),
        "ansible_ssh_common_args": shlex.join(
            word for name, value in options.items() for word in ("-o", f"{name}={value}")
        ),
        "ansible_ssh_extra_args": "-F none",
    }


def assert_only_ours(rehearsal: Rehearsal, fleet: Fleet) -> None:
    """Raise ProvisionError where a host of the fleet is not the throwaway one of that name."""
    ours = {host.name: host.address for host in rehearsal.hosts}
    for host in fleet.inventory.hosts:
        address = host.variables.get("ansible_host")
        if host.groups & {MONITOR_GROUP, WORKERS_GROUP} and address != ours.get(host.name):
            raise ProvisionError(
                f"{host.name}: the site's inventory says that it is at {address}, and a rehearsal "
                "must not go there",
                remedy="set ansible_host where less precedence is: in the inventory, not host_vars",
            )


def hand_out(
    rehearsal: Rehearsal, fleet: Fleet, base: Path, cache: Path, progress: Progress
) -> None:
    """Put what hosts install from Debian where apt looks before it downloads anything.

    In a repository of ours it would be of no use: of a version that both have, apt takes Debian's.
    """
    wanted: dict[tuple[str, ...], list[str]] = {}
    for host in fleet.site.hosts:
        names = tuple(p["name"] for p in wanted_packages(host) if p["repository"] is None)
        if names:
            wanted.setdefault(names, []).append(host.name)
    for names, takers in wanted.items():
        with progress.step(f"Debian's {', '.join(names)}"):
            for path in debian.archives(names, base, cache):
                for taker in takers:
                    place = rehearsal.host(taker).root / "var/cache/apt/archives"
                    shutil.copyfile(path, place / path.name)


def _repositories(
    rehearsal: Rehearsal, source: Source, progress: Progress
) -> dict[str, str | None]:
    """Serve the local packages to the hosts; the variables that name the repositories."""
    # The hosts are of Debian 12, which has one version of what is Debian's own.
    variables: dict[str, str | None] = {"pushgateway_version": None}
    if not source.upstream:
        # What was built or given has one version; a version that the site pins may be another.
        variables |= {"telegraf_version": None, "influxdb_version": None, "grafana_version": None}
    for name, packages in source.local.items():
        with progress.step(f"signed repository for {name}"):
            directory = rehearsal.directory / "repositories" / name
            origin = {"influxdata": "InfluxData", "grafana": "Grafana"}[name]
            paths = [package.path for package in packages]
            repository = publish(paths, directory, origin=origin)
            server = serve(directory, rehearsal.gateway, rehearsal=rehearsal)
            variables[f"{name}_repository_url"] = server.url
            variables[f"{name}_repository_key_url"] = f"{server.url}/{repository.key.name}"
            variables[f"{name}_repository_key_fingerprint"] = repository.fingerprint
    return variables


def required(source: Source, names: Sequence[str]) -> None:
    """Raise ProvisionError where a program that must be rehearsed cannot be had."""
    if "grafana" in names and not source.grafana:
        raise ProvisionError(
            "no Grafana package was found, and it is required",
            remedy="give a folder with one: --packages DIR",
        )
