"""Every dashboard that ships against Grafana's published schema; and how that is read."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import typing
from pathlib import Path

import pytest

from provision.catalog.load import load_catalogs
from provision.dashboards.check import schema
from provision.dashboards.render import rendered_dashboards
from provision.paths import DASHBOARDS

MODULES = ("dashboard", "common", "timeseries", "stat", "table", "bargauge", "gauge", "text")


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_dashboard_that_ships_has_what_grafana_knows(path: Path) -> None:
    assert schema.faults(json.loads(path.read_text())) == []


def test_the_dashboards_that_are_rendered_have_what_grafana_knows() -> None:
    for made in rendered_dashboards(list(load_catalogs().values()), "uid").values():
        assert schema.faults(made) == []


@pytest.mark.parametrize("name", MODULES)
def test_the_keys_of_a_model_are_those_that_it_reads_and_writes(name: str) -> None:
    module = importlib.import_module(f"grafana_foundation_sdk.models.{name}")
    for source in re.split(r"^(?=class )", inspect.getsource(module), flags=re.M)[1:]:
        model = getattr(module, re.split(r"\W", source)[1])
        if hasattr(model, "from_json"):
            found = re.findall(r'if "(\w+)" in data:|payload\["(\w+)"\]|^ +"(\w+)": ', source, re.M)
            assert set(schema._hints(model)) == {key for each in found for key in each if key}
            # Each has the annotation of its attribute.
            assert len(schema._hints(model)) == len(typing.get_type_hints(model))


def test_the_published_dashboards_make_the_round_trip() -> None:
    """What the models keep is what the walk knows: nothing else is lost on the way."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    for path in DASHBOARDS.glob("*.json"):
        raw = json.loads(path.read_text())
        kept = json.loads(JSONEncoder().encode(Dashboard.from_json(raw)))
        lost = set(_lost(raw, kept, ""))
        assert lost <= {"__inputs", "__requires", "templating.list.definition"}, path


def _lost(before: typing.Any, after: typing.Any, place: str) -> typing.Iterator[str]:
    if isinstance(before, dict):
        for key, value in before.items():
            if value is not None and key not in after:
                yield f"{place}{key}"
            elif value is not None:
                yield from _lost(value, after[key], f"{place}{key}.")
    elif isinstance(before, list):
        for one, other in zip(before, after, strict=True):
            yield from _lost(one, other, place)


def test_without_the_package_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "available", lambda: False)
    assert schema.faults({"titel": "x"}) == []
