"""What an inventory says of an application on a host, beside that it is there.

The variables are named after the application: `django_clickhouse_prefix`, `dataclay_targets`,
`dataclay_pushgateway`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from provision.catalog.buckets import DOTTED_VALUE
from provision.catalog.model import Catalog, Input
from provision.validation import in_words
from provision.values import check_url, found_text, listed

_BOOLEAN = TypeAdapter(bool)
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9_.-]+:[0-9]+|\[[0-9A-Fa-f:]+\]:[0-9]+")
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]")
# What every worker tells of itself, whatever else is on it.
EVERY_WORKER = ("host", "pipeline")
# InfluxDB itself, where it is watched as an application.
INFLUXDB = "influxdb"


@dataclass(frozen=True)
class Target:
    """An address that metrics are fetched from, and the labels that it gives to all of them."""

    app: str
    url: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Application:
    """An application on a host: its catalog with the site's settings in it, and what is scraped."""

    catalog: Catalog
    targets: tuple[Target, ...] = ()
    pushgateway: bool = False

    @property
    def sources(self) -> list[dict[str, str]]:
        """The processes that its metrics come from, by the labels that are known of each.

        What is pushed is taken to come from one process of each kind that is documented.
        """
        if self.catalog.input is not Input.PROMETHEUS:
            return [{}]
        scraped = [dict(target.labels) for target in self.targets]
        return [*scraped, *([{}] if self.pushgateway else [])]


def _check_target(value: Any) -> str:
    """A URL that metrics can be fetched from, or ValueError."""
    parts = urlsplit(check_url(value))
    if not parts.hostname or parts.fragment:
        raise ValueError("metrics are fetched from a host, a port and a path")
    return parts.geturl()


class _Target(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    url: Annotated[str, BeforeValidator(_check_target)]

    @model_validator(mode="before")
    @classmethod
    def _address(cls, value: Any) -> Any:
        """`host:port` alone, or as the url, means what it means to Prometheus."""
        value = {"url": value} if isinstance(value, str) else value
        if isinstance(value, Mapping) and _HOST_AND_PORT.fullmatch(str(value.get("url", ""))):
            return {**value, "url": f"http://{value['url']}"}
        return value


def read_application(
    catalog: Catalog, given: Mapping[str, Any]
) -> tuple[Application | None, list[tuple[str, str]]]:
    """The application as a host's variables have it, or None and (variable, problem) for each."""
    problems: list[tuple[str, str]] = []
    settings = {}
    for variable, placeholder in catalog.settings.items():
        if given.get(variable) is None:
            continue
        entries = listed(given[variable])
        entries = entries if isinstance(entries, list) else [entries]
        problems += [(variable, text) for text in _wrong_values(entries)]
        settings[placeholder] = [str(entry) for entry in entries]
    resolved = catalog.with_settings(settings)
    if catalog.input is not Input.PROMETHEUS:
        return (None if problems else Application(resolved)), problems
    pushgateway = _read_pushgateway(catalog, given.get(catalog.pushgateway), problems)
    targets = _read_targets(resolved, given.get(catalog.targets), pushgateway, problems)
    return (None if problems else Application(resolved, targets, pushgateway)), problems


def _wrong_values(entries: Sequence[Any]) -> list[str]:
    """What is wrong with the values of a setting. A number or a yes was a text before YAML."""
    if not entries:
        return ["give at least one value"]
    texts = [str(entry) for entry in entries]
    wrong = [
        f"{entry!r:.80}: give segments of letters, digits, _ and -, joined by dots"
        for entry, text in zip(entries, texts, strict=True)
        if isinstance(entry, bool)
        or not isinstance(entry, str | int)
        or not DOTTED_VALUE.fullmatch(text)
    ]
    twice = [text for text in dict.fromkeys(texts) if texts.count(text) > 1]
    return wrong or [f"{text!r:.80} stands there twice" for text in twice]


def _read_pushgateway(catalog: Catalog, given: Any, problems: list[tuple[str, str]]) -> bool:
    """Whether an application pushes: also as `-e` and INI inventories have it, which is a text."""
    try:
        return _BOOLEAN.validate_python(False if given is None else given)
    except ValidationError:
        problems.append((catalog.pushgateway, f"true or false, not {given!r:.80}"))
        return False


def _read_targets(
    catalog: Catalog, given: Any, pushgateway: bool, problems: list[tuple[str, str]]
) -> tuple[Target, ...]:
    variable = catalog.targets
    assert catalog.scrape is not None
    if given is None:
        # Where the application documents that it can be fetched, unless it pushes.
        given = [] if pushgateway else [f"127.0.0.1:{catalog.scrape.port}"]
    given = listed(given)
    if not isinstance(given, list):
        problems.append((variable, "a list of host:port, of URLs, or of mappings with url"))
        return ()
    found: list[Target] = []
    for index, entry in enumerate(given):
        where = f"{variable}[{index}]"
        try:
            target = _Target.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            what = in_words(first) or str(first["msg"])
            if first["type"] in {"missing", "model_type"}:
                what = "host:port, a URL, or a mapping with url is wanted"
            address = str(entry.get("url") if isinstance(entry, Mapping) else entry)
            if first["type"] == "value_error" and _HOST.fullmatch(address):
                what = f"its port is missing: write {address}:{catalog.scrape.port}"
            problems.append((where, f"{what} (found {found_text(entry)})"))
            continue
        given_labels = target.model_extra or {}
        problems += [(where, text) for text in _wrong_labels(catalog, given_labels)]
        labels = {name: str(value) for name, value in given_labels.items()}
        parts = urlsplit(target.url)
        labels.setdefault("instance", parts.netloc)
        url = (parts if parts.path else parts._replace(path=catalog.scrape.path)).geturl()
        found.append(Target(catalog.app, url, tuple(sorted(labels.items()))))
    labels_of = [each.labels for each in found]
    problems += [
        (variable, f"{each.url} has the labels of another: give it an instance of its own")
        for each in found
        if labels_of.count(each.labels) > 1
    ]
    return tuple(found)


def _wrong_labels(catalog: Catalog, labels: Mapping[str, Any]) -> list[str]:
    wrong = []
    for name, given in labels.items():
        value = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
        if name not in (*catalog.placeholders, "instance"):
            known = ", ".join(["url", "instance", *catalog.placeholders])
            wrong.append(f"no such label {name!r}: there are {known}")
        elif not value or re.search(r"[\x00-\x1f$]", value):
            wrong.append(f"label {name}: {given!r:.80} cannot be the value of a tag")
        elif name in catalog.placeholders:
            values = catalog.placeholders[name].values
            if values is not None and value not in values:
                wrong.append(f"label {name}: {value!r} is none of {', '.join(values)}")
    return wrong
