"""A dashboard with nothing wrong, and the catalog that it is of; tests make one thing wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from provision.dashboards.check.document import Document, read_document
from provision.dashboards.check.lint import Finding, lint
from tests.catalog.builders import METRIC, catalog, scraped

ADVICE = {"severity": "critical", "advice": "Look at the till."}
METRICS: list[dict[str, Any]] = [
    METRIC,
    METRIC
    | {
        "name": "refusals",
        "description": "A card was refused.",
        "condition": ADVICE | {"above": 6},
    },
    METRIC
    | {
        "name": "stock",
        "type": "gauge",
        "description": "What is there.",
        "condition": ADVICE | {"below": 10, "severity": "warning"},
    },
    METRIC
    | {"name": "took", "type": "timer", "unit": "milliseconds", "description": "To the receipt."},
]
PLACES = {"hostname": {"description": "a server", "dotted": True, "examples": ["x"], "expected": 1}}
SHOP = catalog(*METRICS, prefix="shop.<hostname>", placeholders=PLACES)
# The same application, had it a page for Prometheus.
SCRAPED = scraped(
    METRIC | {"name": "orders", "labels": {"hostname": None}},
    placeholders={"hostname": {"description": "a server", "examples": ["x"], "expected": 1}},
)
SOURCE = {"type": "influxdb", "uid": "${datasource}"}
CHOSEN = '"host" =~ /^${host:regex}$/ AND "hostname" =~ /^${hostname:regex}$/'
BY = 'GROUP BY time($__interval), "host", "hostname" fill(none)'
WINDOW = "time >= ${__to}ms - 5m AND time <= ${__to}ms"

Json = dict[str, Any]


def query(asked: str, measurement: str) -> str:
    return f'SELECT {asked} FROM "{measurement}" WHERE {CHOSEN} AND $timeFilter {BY}'


def target(text: str, ref: str = "A") -> Json:
    return {
        "refId": ref,
        "datasource": dict(SOURCE),
        "rawQuery": True,
        "resultFormat": "time_series",
        "query": text,
    }


def thresholds(*steps: tuple[str, float | None]) -> Json:
    return {
        "mode": "absolute",
        "steps": [{"color": colour, "value": value} for colour, value in steps],
    }


def panel(number: int, title: str, place: tuple[int, int, int, int], **changes: Any) -> Json:
    made: Json = {
        "id": number,
        "type": "timeseries",
        "title": title,
        "description": "What it means.",
        "datasource": dict(SOURCE),
        "gridPos": dict(zip("xywh", place, strict=True)),
        "fieldConfig": {
            "defaults": {
                "unit": "cps",
                "custom": {
                    "drawStyle": "line",
                    "spanNulls": False,
                    "insertNulls": 60000,
                    "thresholdsStyle": {"mode": "off"},
                },
                "thresholds": thresholds(("green", None)),
            },
            "overrides": [],
        },
        "options": {"legend": {"showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [],
    }
    return made | changes


def row(number: int, title: str, y: int, *panels: Json) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": bool(panels),
        "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
        "panels": list(panels),
    }


def variable(name: str, text: str) -> Json:
    return {
        "name": name,
        "type": "query",
        "datasource": dict(SOURCE),
        "query": text,
        "definition": text,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def good() -> Json:
    """The dashboard: a stat above, graphs in a row, one in a collapsed row."""
    inner = f'SELECT sum("value") AS "value" FROM "shop_refusals" WHERE {CHOSEN} AND {WINDOW}'
    refusals = (
        "A card was refused.\n\nBucket: `shop.<hostname>.refusals` (counter).\n\nLook at the till."
    )
    now = panel(2, "Refusals", (0, 1, 6, 4), type="stat", description=refusals, options={})
    now["targets"] = [target(f'SELECT max("value") FROM ({inner} GROUP BY "host", "hostname")')]
    now["fieldConfig"]["defaults"] = {
        "unit": "short",
        "thresholds": thresholds(("green", None), ("red", 6)),
        "links": [{"title": "Details", "url": "/d/details?${__url_time_range}&${host:queryparam}"}],
    }
    orders = panel(
        4, "Orders", (0, 6, 12, 8), description="An order.\n\nBucket: `shop.<hostname>.orders`"
    )
    orders["targets"] = [target(query('sum("value") * 1000 / $__interval_ms', "shop_orders"))]
    refused = panel(5, "Refusals", (12, 6, 12, 8), description=refusals)
    refused["targets"] = [target(query('sum("value") * 1000 / $__interval_ms', "shop_refusals"))]
    watch(refused, ("green", None), ("red", 6 / 300))
    stock = panel(
        6,
        "Stock",
        (0, 14, 24, 8),
        description="What is there.\n\nBucket: `shop.<hostname>.stock`\n\nLook at the till.",
    )
    stock["targets"] = [target(query('last("value")', "shop_stock"))]
    stock["fieldConfig"]["defaults"]["unit"] = "short"
    watch(stock, ("orange", None), ("green", 10))
    took = panel(
        8, "Took", (0, 23, 24, 8), description="To the receipt.\n\nBucket: `shop.<hostname>.took`"
    )
    took["targets"] = [
        target(query('max("95_percentile")', "shop_took")),
        target(query('sum("sum") / sum("count")', "shop_took"), "B"),
    ]
    took["fieldConfig"]["defaults"]["unit"] = "ms"
    text = {"id": 10, "type": "text", "title": "", "gridPos": {"x": 0, "y": 24, "w": 24, "h": 2}}
    measurements = "/^shop_/"
    return {
        "__inputs": [],
        "id": None,
        "uid": "provision-shop",
        "title": "Shop",
        "tags": ["provision", "shop"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "annotations": {
            "list": [
                {
                    "name": "Annotations & Alerts",
                    "builtIn": 1,
                    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
                    "enable": True,
                    "type": "dashboard",
                },
                {
                    "name": "Deploys",
                    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
                    "enable": True,
                    "target": {"type": "tags", "tags": ["deploy"], "limit": 100},
                },
            ]
        },
        "links": [
            {
                "title": "Others",
                "type": "dashboards",
                "tags": ["provision"],
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "influxdb", "refresh": 1},
                variable("host", f'SHOW TAG VALUES FROM {measurements} WITH KEY = "host"'),
                variable(
                    "hostname",
                    f'SHOW TAG VALUES FROM {measurements} WITH KEY = "hostname"'
                    ' WHERE "host" =~ /^${host:regex}$/',
                ),
            ]
        },
        "panels": [
            row(1, "Now", 0),
            now,
            row(3, "Rate and errors", 5),
            orders,
            refused,
            stock,
            row(7, "Details", 22, took),
            row(9, "About", 23),
            text,
        ],
    }


def watch(made: Json, *steps: tuple[str, float | None]) -> None:
    """Thresholds on a panel, with their line."""
    made["fieldConfig"]["defaults"]["thresholds"] = thresholds(*steps)
    made["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] = "dashed"


def scraped_counter() -> Json:
    """The dashboard of the application that is scraped: its one counter."""
    made = good()
    made["panels"] = [made["panels"][3]]
    made["panels"][0]["description"] = "An order.\n\nMetric: `orders` (counter)."
    chosen = ' AND "instance" =~ /^${instance:regex}$/ AND $timeFilter'
    text = query('non_negative_derivative(last("value"), 1s)', "shop_orders")
    made["panels"][0]["targets"] = [target(text.replace(" AND $timeFilter", chosen))]
    made["templating"]["list"].append(
        variable(
            "instance", 'SHOW TAG VALUES WITH KEY = "instance" WHERE "host" =~ /${host:regex}/'
        )
    )
    return made


def written(raw: object, directory: Path, name: str = "shop.json") -> Path:
    path = directory / name
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw))
    return path


def document(raw: object, directory: Path) -> Document:
    return read_document(written(copy.deepcopy(raw), directory))


def found(raw: object, directory: Path, catalog: Any = SHOP) -> list[Finding]:
    return lint(document(raw, directory), catalog)
