"""Histograms and summaries of a site's own application, which are documented as timers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from provision.catalog.load import load_catalogs
from provision.dashboards.graphs import graph
from provision.dashboards.numbers import number
from provision.dashboards.variables import expand
from provision.influx import InfluxDB
from provision.traffic import documented_traffic
from provision.verify.arrival import Sent
from provision.verify.strangers import undocumented
from tests.integration.programs import (
    HOST,
    Database,
    arrived,
    free_port,
    rendered_telegraf,
    shown,
    wait_for,
)

CATALOG = """\
app: shop
title: Shop
description: A shop.
source: The shop's own page
input: prometheus
scrape: {port: 9100}
placeholders:
  page: {description: Which page it was, values: [cart, home]}
metrics:
  - name: shop_request_seconds
    type: timer
    unit: seconds
    title: Requests
    description: Time of a request.
    labels: {page: null}
    formerly: [{name: shop_requests_seconds, measurement: request_seconds}]
  - name: shop_payment_seconds
    type: timer
    unit: seconds
    title: Payments
    description: Time of a payment.
    condition: {above: 2, severity: warning, advice: Ask the bank.}
  - name: shop_size_bytes_sum
    type: counter
    unit: bytes
    title: Sent
    description: Bytes of all pages.
"""
PAGE = """\
# TYPE shop_request_seconds histogram
shop_request_seconds_bucket{{page="cart",le="0.5"}} 1
shop_request_seconds_bucket{{page="cart",le="+Inf"}} {count}
shop_request_seconds_sum{{page="cart"}} {sum}
shop_request_seconds_count{{page="cart"}} {count}
# TYPE shop_requests_seconds summary
shop_requests_seconds_sum{{page="home"}} {sum}
shop_requests_seconds_count{{page="home"}} {count}
# TYPE shop_payment_seconds summary
shop_payment_seconds{{quantile="0.99"}} NaN
shop_payment_seconds_sum {sum}
shop_payment_seconds_count {count}
# TYPE shop_size_bytes histogram
shop_size_bytes_bucket{{le="+Inf"}} {count}
shop_size_bytes_sum {sum}
shop_size_bytes_count {count}
"""


#: A page that says no type of anything; of the sizes it has what is documented.
UNTYPED = "".join(
    line
    for line in PAGE.splitlines(keepends=True)
    if not line.startswith(("# TYPE", "shop_size_bytes_bucket", "shop_size_bytes_count"))
)


@pytest.mark.parametrize("page_text", [PAGE, UNTYPED], ids=["typed", "untyped"])
def test_their_sum_and_count_arrive_and_the_mean_is_of_what_was_counted_since(
    database: Database, telegraf_binary: Path, tmp_path: Path, page_text: str
) -> None:
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "shop.yaml").write_text(CATALOG)
    shop = load_catalogs(tmp_path / "catalogs")["shop"]
    requests, payments, _ = shop.metrics
    reader, start, port = database.reader(), int(time.time() * 1000), free_port()
    site = {"apps": ["shop"], "shop_targets": [f"127.0.0.1:{port}"]}
    with rendered_telegraf(telegraf_binary, database, tmp_path, **site) as telegraf:
        (page,) = documented_traffic(telegraf.host.applications).scraped
        with shown(lambda: page.text, port):
            arrived(reader, [Sent(HOST, sample) for sample in page.samples], start)
        (fields,) = reader.ask([f'SHOW FIELD KEYS FROM "{shop.measurement(requests)}"'])
        assert {row["fieldKey"] for row in fields.series[0].rows} == {"sum", "count"}

        # A new start: what was counted before is not taken off.
        said = {"count": 4, "sum": 8.0}
        with shown(lambda: page_text.format(**said), port):
            second = int(time.time() * 1000)
            wait_for(lambda: last_count(reader, second) == 4, "the first counts")
            said |= {"count": 10, "sum": 23.0}
            wait_for(lambda: last_count(reader, second) == 10, "the next counts")
        now = int(time.time() * 1000) + 1000
        texts = [
            expand(query.text, start=second, end=now, interval=1000, values={"host": HOST})
            for panel in (graph(shop, [payments]), number(shop, payments, ["host"]))
            for query in panel.queries
        ]
        lines, one = reader.ask(texts)
        drawn = [row for series in lines.series for row in series.rows]
        means = {value for row in drawn for name, value in row.items() if name != "time"}
        assert means - {None} == {2.5}, "fifteen seconds of six payments"
        assert None in means, "where nobody paid nothing is drawn"
        assert [row["value"] for series in one.series for row in series.rows] == [2.5]
        measured = f'FROM "{shop.measurement(requests)}" GROUP BY "former_name", "page"'
        (former,) = reader.ask([f'SELECT last("count") {measured}'])
        counts = {(s.tags["former_name"], s.tags["page"]): s.rows[0]["last"] for s in former.series}
        assert counts["", "cart"] == counts["shop_requests_seconds", "home"] == 10
    assert undocumented(reader, start) == []


def last_count(reader: InfluxDB, start: int) -> float:
    (answer,) = reader.ask(
        [f'SELECT last("count") FROM "shop_payment_seconds" WHERE time >= {start}ms']
    )
    return float(answer.series[0].rows[0]["last"]) if answer.series else 0
