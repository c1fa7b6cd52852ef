"""Any text in any setting: it is refused at the door, or stays the value that it is.

The texts are made of pieces that are syntax in one of the languages that are written here, in an
order that depends on nothing but the name of the setting.
"""

from __future__ import annotations

import configparser
import json
import random
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from provision.errors import InvalidInput
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.render.tree import Renderer
from provision.settings import Settings
from provision.site.model import Host, Site
from provision.values import bracketed
from tests.hostile import HOSTILE
from tests.render.expected import FLEET

PIECES = (
    *HOSTILE,
    *('"', "'", "`", "\\", "\n", "\r", "\t", "\0", "{{", "}}", "{%", "%}", "${", "$", "#", ";"),
    *("[", "]", "(", ")", ":", "=", ",", "%", "@", "/", "..", "-", "_", "a", "1", "10s", "8086"),
    *("http://", "https://a", "127.0.0.1", "::1", "10.0.0.0/8", "a@b", "|", "&", "<b>", "\u202e"),
)
TEXTS = 200
# Both engines, mail, contacts, other addresses: every branch of every template.
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {
        "influxdb_engine": 1,
        "grafana_smtp_host": "mail.example.com:25",
        "grafana_smtp_from": "a@example.com",
        "grafana_smtp_user": "a",
        "grafana_contacts": {"mail": {"type": "email", "addresses": ["b@example.com"]}},
        "influxdb_address": "::1",
        "telegraf_statsd_address": "",
        "telegraf_statsd_allowed": ["10.0.0.0/8"],
    },
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    path = tmp_path_factory.mktemp("site") / "inventory.yml"
    path.write_text(FLEET)
    return read_fleet(["-i", str(path)]).site


@pytest.fixture(scope="module")
def renderer(site: Site) -> Renderer:
    return Renderer(site)


def texts(name: str) -> list[str]:
    chance = random.Random(name)
    return ["".join(chance.choices(PIECES, k=chance.randint(1, 5))) for _ in range(TEXTS)]


def accepted(name: str, value: Any, variant: Mapping[str, Any]) -> Settings | None:
    try:
        return Settings.model_validate({**variant, name: value})
    except ValidationError:
        return None


def ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


PARSERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".conf": tomllib.loads,
    ".json": json.loads,
    ".yaml": lambda text: yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)),
    ".ini": ini,
}


def parsed(host: Host, renderer: Renderer) -> dict[str, Any]:
    """The files of a host, each as its own language reads it."""
    found: dict[str, Any] = {}
    for file in renderer.files(host):
        parse = PARSERS.get(PurePath(file.path).suffix)
        if "/systemd/" in file.path or "/dashboards/provision/" in file.path or parse is None:
            # The first word of each line.
            found[file.path] = [line.split("=")[0].split()[:1] for line in file.text.splitlines()]
        else:
            found[file.path] = keys(parse(file.text))
    return found


def keys(value: Any) -> Any:
    """A parsed file without its values; of a list its length does not count."""
    if isinstance(value, Mapping):
        return {name: keys(item) for name, item in value.items()}
    if isinstance(value, list):
        return sorted({repr(keys(item)) for item in value})
    return ()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_any_text_in_a_setting_is_refused_or_stays_a_value(
    site: Site, renderer: Renderer, name: str
) -> None:
    every = [site.monitor, next(host for host in site.workers if host.name.startswith("every"))]
    for variant in VARIANTS:
        found = {
            repr(settings): settings
            for text in texts(name)
            for value in (text, [text], {text: text})
            if (settings := accepted(name, value, variant))
        }
        for settings in list(found.values())[:2]:
            for host in every:
                assert parsed(replace(host, settings=settings), renderer)


@pytest.mark.parametrize("text", [*HOSTILE, *texts("ansible_host")[:8]])
def test_any_address_of_the_monitoring_host_is_one_or_refused(
    fleet_of: Callable[..., Fleet], text: str
) -> None:
    variables = {"ansible_host": "{% raw %}" + text + "{% endraw %}"}
    inventory = {
        "monitor": {"hosts": {"m": variables}},
        "workers": {"hosts": {"w": None}, "vars": {"apps": ["realm"]}},
    }
    try:
        site = fleet_of(yaml.safe_dump(inventory)).site
    except InvalidInput as error:
        assert "m: ansible_host: not an address" in str(error)
    else:
        assert re.fullmatch(r"[A-Za-z0-9_.:-]*", text)
        assert site.influxdb_url == f"http://{bracketed(text or 'm')}:8086"
