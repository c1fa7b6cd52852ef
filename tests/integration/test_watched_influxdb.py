"""InfluxDB 2 watched by a real Telegraf: its own page, stored as the catalog says, and no more."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from provision.catalog.model import Metric
from provision.verify.panels import check_panels
from provision.verify.strangers import undocumented
from tests.conftest import CASES
from tests.integration.programs import (
    HOST,
    Database,
    Telegraf,
    measurements,
    rendered_telegraf,
    wait_for,
    wait_for_equal,
)

DAY = 86_400
APP = "influxdb"


pytestmark = pytest.mark.parametrize("database", [2], indirect=True, ids=["engine-2"])


@pytest.fixture(scope="module")
def telegraf(
    database: Database, telegraf_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Telegraf]:
    """A Telegraf that watches the very InfluxDB that it writes to."""
    with rendered_telegraf(
        telegraf_binary,
        database,
        tmp_path_factory.mktemp("watched"),
        apps=[APP],
        influxdb_targets=[database.url],
    ) as telegraf:
        yield telegraf
    assert telegraf.complaints() == []


def request(database: Database, path: str, body: str, secret: str) -> int:
    """The status that a request to InfluxDB is answered with."""
    asked = urllib.request.Request(
        f"{database.url}{path}",
        body.encode(),
        headers={
            "Authorization": f"Token {database.secrets[secret]}",
            "Content-Type": "application/vnd.flux",
        },
    )
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def use(database: Database) -> None:
    """Writes and queries of all kinds: fine, refused, dropped, in Flux and in InfluxQL."""
    now = int(time.time())
    database.write(*(f"used,where=w{n} value={n} {now - n * DAY}" for n in range(3)))
    write = "/api/v2/write?org=provision&bucket=telegraf&precision=s"
    for line, status in (
        (f'used,where=w0 value="a text" {now}', 422),
        (f"used,where=w0 value=1 {now - 90 * DAY}", 422),
        ("nonsense", 400),
    ):
        assert request(database, write, line, database.write_secret) == status
    flux = 'from(bucket: "telegraf") |> range(start: -1d) |> count()'
    for text, status in ((flux, 200), ("from(", 400)):
        path = "/api/v2/query?org=provision"
        assert request(database, path, text, "influxdb_read_token") == status
    database.reader().ask(['SELECT mean("value") FROM "used"'])


Series = frozenset[tuple[str, str]]


def page(database: Database) -> dict[str, dict[Series, float]]:
    """What InfluxDB shows now: the values of each name, by their labels."""
    with urllib.request.urlopen(f"{database.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, dict[Series, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][frozenset(sample.labels.items())] = sample.value
    # The parser follows OpenMetrics, in which a counter is called _total, and InfluxDB does not.
    names = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    return {
        name.removesuffix("_total") if name.removesuffix("_total") in names else name: series
        for name, series in found.items()
    }


def labels_stored(database: Database, telegraf: Telegraf, metric: Metric) -> set[Series]:
    """The labels of the series that are stored of a metric, as InfluxDB shows them."""
    (catalog,) = [each for each in telegraf.host.catalogs if each.app == APP]
    measurement = catalog.measurement(metric)
    (answer,) = database.reader().ask([f'SELECT last("value") FROM "{measurement}" GROUP BY *'])
    assert answer.error is None, answer.error
    instance = database.url.partition("//")[2]
    found = set()
    for series in answer.series:
        tags = {name: value for name, value in series.tags.items() if value}
        assert tags.pop("host") == HOST
        assert tags.pop("instance") == instance
        assert tags.pop("metric_type") == metric.type
        if "exported_bucket" in tags:
            tags["bucket"] = tags.pop("exported_bucket")
        found.add(frozenset(tags.items()))
    return found


def test_all_that_is_documented_of_influxdb_itself_is_stored_and_nothing_else(
    database: Database, telegraf: Telegraf
) -> None:
    start = int(time.time() * 1000) - 1000
    use(database)
    (catalog,) = [each for each in telegraf.host.catalogs if each.app == APP]
    wait_for(
        lambda: all(metric.name in page(database) for metric in catalog.metrics),
        "every documented metric on InfluxDB's own page",
    )
    for metric in catalog.metrics:
        wait_for_equal(
            lambda metric=metric: dict.fromkeys(labels_stored(database, telegraf, metric)),  # type: ignore[misc]
            dict.fromkeys(page(database)[metric.name]),
        )
        for series in page(database)[metric.name]:
            documented = {name.removeprefix("exported_") for name in metric.labels}
            assert documented <= {name for name, _ in series}
    assert undocumented(database.reader(), start) == []
    assert {name for name in measurements(database.reader()) if name.startswith("influxdb_")} == {
        catalog.measurement(metric) for metric in catalog.metrics
    }
    # What InfluxDB has a histogram of, and nothing else of that.
    for name in ("storage_writer_dropped_points_sum", "storage_writer_err_points_sum"):
        (shown,) = page(database)[name].values()
        (answer,) = database.reader().ask([f'SELECT last("value") FROM "influxdb_{name}"'])
        assert answer.series[0].rows[0]["last"] == shown > 0


def test_influxdb_shows_what_its_documentation_lists_with_these_types(
    database: Database, telegraf: Telegraf
) -> None:
    use(database)
    with urllib.request.urlopen(f"{database.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    types = dict(line.split(" ")[2:4] for line in lines if line.startswith("# TYPE "))
    rows = (CASES / "influxdb" / "listed.tsv").read_text().splitlines()
    listed = dict(row.split("\t") for row in rows if not row.startswith("#"))
    assert len(types.keys() & listed.keys()) > 100
    assert {name: types[name] for name in types.keys() & listed.keys()} == {
        name: listed[name] for name in types.keys() & listed.keys()
    }


def test_every_panel_about_influxdb_answers(database: Database, telegraf: Telegraf) -> None:
    use(database)
    start = int(time.time() * 1000) - 60_000
    catalogs = telegraf.site.catalogs

    def wrong() -> dict[str, str | None]:
        outcomes = check_panels(database.reader(), catalogs, start, int(time.time() * 1000))
        mine = [each for each in outcomes if any(m in each.panel.metrics for m in metrics)]
        assert len(mine) > len(metrics)
        return {each.panel.title: each.error for each in mine if not each.ok}

    metrics = [m for each in catalogs if each.app == APP for m in each.metrics]
    wait_for_equal(wrong, {}, 45)
