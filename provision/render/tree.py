"""The files of every host, and how they are laid out in a directory."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from provision.alerts.contacts import contact_points
from provision.catalog.model import Catalog, Input
from provision.credentials import READER, writer
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.model import Dashboard
from provision.dashboards.render import DATASOURCE_UID, FOLDER, provisioned_dashboards
from provision.errors import ProvisionError
from provision.listening import PUSHGATEWAY, TELEGRAF, guarded
from provision.render.alerts import alert_values
from provision.render.manifest import manifest, wanted_packages, wanted_repositories
from provision.render.manifest import wanted_roles as roles_of
from provision.render.targets import (
    ALERT_RULES_PATH,
    ALIVE_PATH,
    BUFFER_PATH,
    CREDENTIALS_PATH,
    DASHBOARDS_PATH,
    GRAFANA_CERTIFICATE_PATH,
    GRAFANA_KEY_PATH,
    INFLUXDB_CERTIFICATE_PATH,
    INFLUXDB_KEY_PATH,
    STATSD_PATH,
    TARGETS,
    TELEGRAF_CA_PATH,
    RenderedFile,
    Target,
)
from provision.render.telegraf import (
    DOCUMENTED_TEMPLATE,
    documented_buckets,
    own_influxdb,
    telegraf_values,
)
from provision.site.model import HOST_NAME, Host, Site
from provision.templating import Literal, environment, noted
from provision.tls.model import SERVER_KEY, scheme
from provision.values import bracketed, local_url

MANIFEST = ".manifest.json"
# A host that is rendered in the place of many: no filter writes such a name otherwise than it is.
_STAND_IN = "any-host.provision.invalid"
# What a template is told that is made of a host's name.
_OWN = frozenset({"secret", "user"})


@dataclass
class _Kind:
    """What hosts share that are alike: files, and the values of those which are each host's own.

    host is any of them, under the name that stands for theirs.
    """

    host: Host
    files: list[tuple[RenderedFile, dict[str, Any] | None]]
    manifest: str = ""


class Renderer:
    """Renders the hosts of one site."""

    def __init__(self, site: Site) -> None:
        """Prepare the templates, and the texts that all hosts share."""
        self._site = site
        self._jinja = environment()
        self._tables: dict[object, Literal] = {}
        self._looked_at = noted(self._jinja)
        self._kinds: dict[object, _Kind] = {}

    def files(self, host: Host) -> list[RenderedFile]:
        """The files of one host, in the order of the table."""
        kind = self._kind(host)
        found = []
        for file, values in kind.files:
            if values is None:
                text = file.text.replace(kind.host.name, host.name)
            else:
                text = self._text(file.target, host, values)
            found.append(RenderedFile(file.target, file.path, text, file.source))
        return found

    def manifest(self, host: Host) -> str:
        """The manifest of one host, as JSON."""
        kind = self._kind(host)
        files = [file for file, _ in kind.files]
        if host.monitor:  # InfluxDB's users are called by hosts' names
            return _lines(manifest(host, self._site, files))
        if not kind.manifest:
            kind.manifest = _lines(manifest(kind.host, self._site, files))
        return kind.manifest.replace(kind.host.name, host.name)

    def _kind(self, host: Host) -> _Kind:
        """What a host shares with those that differ in nothing but their names."""
        plain = bool(HOST_NAME.fullmatch(host.name))
        name = _STAND_IN if plain else host.name
        key = (name, host.monitor, host.worker, id(host.settings), id(host.applications))
        if key not in self._kinds:
            # It holds what the numbers are of, so that they are never another's.
            alike = replace(host, name=name)
            self._kinds[key] = _Kind(alike, list(self._shared(alike)))
        return self._kinds[key]

    def _shared(self, host: Host) -> Iterator[tuple[RenderedFile, dict[str, Any] | None]]:
        """Each file with its text, or empty and with the values that its template is told."""
        roles = roles_of(host)
        for target in TARGETS:
            if target.role not in roles or not target.when(host):
                continue
            known = self._site.influxdb_tls if target.role == "telegraf" else self._site.tls
            if not target.when_tls(known):
                continue
            if given := self._given(target):
                yield RenderedFile(target, target.path, "", str(given)), None
                continue
            for name, values in self._each(target, host):
                path = target.path.format(name) if target.each else target.path
                self._looked_at.clear()
                text = self._text(target, host, values)
                # What is made of the host's name otherwise is rendered for each.
                own = bool(_OWN & self._looked_at)
                yield RenderedFile(target, path, "" if own else text), values if own else None

    def _given(self, target: Target) -> Path | None:
        """The file that the site brings itself, and that no copy of is made here."""
        is_key = target.path in (INFLUXDB_KEY_PATH, GRAFANA_KEY_PATH)
        return self._site.tls.given.key if is_key and self._site.tls.given else None

    def _each(self, target: Target, host: Host) -> list[tuple[str, dict[str, Any]]]:
        if target.each == "repository":
            packages = wanted_packages(host)
            return [
                (
                    repository.name,
                    {
                        "repository": repository,
                        "packages": [p for p in packages if p["repository"] == repository.name],
                    },
                )
                for repository in wanted_repositories(host)
            ]
        if target.each == "dashboard":
            return [(name, {"dashboard": text}) for name, text in self._dashboards.items()]
        return [("", {})]

    def _text(self, target: Target, host: Host, values: dict[str, Any]) -> str:
        if "dashboard" in values:
            return str(values["dashboard"])
        template = self._jinja.get_template(target.source)
        values = values | telegraf_values(target.path, host)
        if target.path == STATSD_PATH:
            values["documented"] = self._table(host.catalogs_of(Input.STATSD))
        if target.path == ALERT_RULES_PATH:
            values |= alert_values(self._site, self._built)
        return template.render(**self._values(target.role, host), **values)

    def _table(self, catalogs: Sequence[Catalog]) -> Literal:
        """What is documented, as statsd.conf has it: most hosts have the same applications."""
        key = tuple((catalog.app, catalog.setting_values) for catalog in catalogs)
        if key not in self._tables:
            template = self._jinja.get_template(DOCUMENTED_TEMPLATE)
            text = template.render(documented=documented_buckets(catalogs))
            self._tables[key] = Literal(text.rstrip("\n"))
        return self._tables[key]

    @cached_property
    def _built(self) -> dict[str, Dashboard]:
        return all_dashboards(self._site.catalogs)

    @cached_property
    def _dashboards(self) -> dict[str, str]:
        hosts = Counter(each.app for host in self._site.workers for each in host.catalogs)
        most = self._site.monitor.settings.grafana_most_lines
        undivided = {app for app, number in hosts.items() if number > most}
        return provisioned_dashboards(self._built, self._site.interval, undivided)

    def _values(self, role: str, host: Host) -> dict[str, Any]:
        settings, monitor = host.settings, self._site.monitor.settings
        writes = role == "telegraf"
        secret = self._site.write_secret(host) if writes else self._site.read_secret
        values: dict[str, Any] = {
            "host": host,
            "settings": settings,
            "monitor": monitor,
            "engine": monitor.influxdb_engine,
            "influxdb_url": settings.telegraf_gateway_url or self._site.influxdb_url,
            "secret": secret,
            "alive": ALIVE_PATH,
            "variable": "TELEGRAF_CREDENTIALS" if writes else secret.upper(),
            "user": writer(host.name) if writes else READER,
            "tls": self._site.tls,
            "influxdb_tls": self._site.influxdb_tls,
            "external": self._site.external is not None,
            "server_key": SERVER_KEY,
        }
        if external := self._site.external:
            values["user"] = (external.writer if writes else external.reader) or ""
        if writes:
            values |= {"credentials": CREDENTIALS_PATH, "buffer_directory": BUFFER_PATH}
        if unit := {"telegraf": TELEGRAF, "pushgateway": PUSHGATEWAY}.get(role):
            values["guarded"] = guarded(unit, settings, host.transports, host.pushgateway)
        if role == "influxdb":
            values |= {
                "listen": f"{bracketed(settings.influxdb_address)}:{settings.influxdb_port}",
                "certificate_path": INFLUXDB_CERTIFICATE_PATH,
                "key_path": INFLUXDB_KEY_PATH,
            }
        if role == "telegraf":
            values |= {"ca_path": TELEGRAF_CA_PATH, "own_influxdb": own_influxdb(self._site, host)}
        if role == "grafana":
            values |= {
                "datasource_uid": DATASOURCE_UID,
                "folder": FOLDER,
                "path": DASHBOARDS_PATH,
                "url": self._site.influxdb_url
                if self._site.external
                else local_url(
                    settings.influxdb_address,
                    settings.influxdb_port,
                    scheme(self._site.tls.mode),
                ),
                "interval": self._site.interval,
                "root_url": f"{self._site.grafana_url}/",
                "smtp_secret": "grafana_smtp_password",
                "contacts": contact_points(settings.grafana_contacts),
                "certificate_path": GRAFANA_CERTIFICATE_PATH,
                "key_path": GRAFANA_KEY_PATH,
            }
        return values


def trees(directory: Path) -> list[str]:
    """The names of the hosts that something was rendered for into a directory."""
    return sorted(path.parent.name for path in directory.glob(f"*/{MANIFEST}"))


def write_tree(
    site: Site,
    directory: Path,
    *,
    hosts: frozenset[str] | None = None,
    only_database: frozenset[str] = frozenset(),
) -> list[Path]:
    """Write `<directory>/<host>/…` for every host (or those named), a manifest in each.

    Of only_database, monitoring hosts, nothing is wanted but the state of the database.

    What an earlier run wrote for a host is replaced as a whole; a directory that no run wrote is
    refused. Returns the hosts' directories. Raises ProvisionError where it cannot be written.
    """
    renderer = Renderer(site)
    written = []
    try:
        for host in site.hosts:
            if hosts is not None and host.name not in hosts:
                continue
            root = directory / host.name
            if root.is_symlink() or root.exists():
                if root.is_symlink() or not (root / MANIFEST).is_file():
                    raise ProvisionError(
                        f"{root}: not written by provision, so it is not replaced",
                        remedy="choose another --output, or remove it yourself",
                    )
                shutil.rmtree(root)
            root.mkdir(parents=True)
            if host.name in only_database:
                state = manifest(host, site, [])["state"]
                entries = [entry for entry in state if entry["role"] == "influxdb"]
                text = _lines({"host": host.name, "state": entries})
            else:
                _write(renderer.files(host), root)
                text = renderer.manifest(host)
            (root / MANIFEST).write_text(text, encoding="utf-8")
            written.append(root)
    except OSError as error:
        raise ProvisionError(f"{error.filename or directory}: {error.strerror or error}") from error
    return written


def _write(files: Sequence[RenderedFile], root: Path) -> None:
    """Write files below a new directory."""
    made = set()
    for file in files:
        if file.source is None:
            path = root / file.path.lstrip("/")
            directory = path.parent
            if directory not in made:
                directory.mkdir(parents=True, exist_ok=True)
                made.add(directory)
            path.write_text(file.text, encoding="utf-8")


def _lines(manifest: Mapping[str, Any]) -> str:
    """A manifest as JSON with a line for each entry; with indent, json takes ten times as long."""
    parts = []
    for name, value in manifest.items():
        entries = isinstance(value, list) and value
        text = ",\n".join(map(json.dumps, value)) if entries else json.dumps(value)
        parts.append(
            f"{json.dumps(name)}: [\n{text}\n]" if entries else f"{json.dumps(name)}: {text}"
        )
    return "{\n" + ",\n".join(parts) + "\n}\n"
