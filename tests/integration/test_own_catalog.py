"""A site's own application: sets, kept fields, percentiles, renamed and deprecated metrics."""

from __future__ import annotations

import time
from pathlib import Path

from provision.catalog.load import load_catalogs
from provision.catalog.model import Transport
from provision.dashboards.graphs import graph
from provision.dashboards.variables import expand
from provision.traffic import documented_traffic
from provision.verify.arrival import Sent
from provision.verify.strangers import undocumented
from tests.integration.programs import HOST, Database, arrived, rendered_telegraf, send, wait_for

CATALOG = """\
app: shop
title: Shop
description: A shop.
source: The shop's own page
prefix: shop.<region>
placeholders:
  region: {description: Where it is, values: [eu, us]}
metrics:
  - name: visitors
    type: set
    unit: count
    title: Visitors
    description: Different visitors in an interval.
  - name: checkout.time
    type: timer
    unit: milliseconds
    title: Checkout
    description: Time of a checkout.
    percentiles: [90, 99.9]
    fields: [count, sum, upper]
  - name: orders.placed
    type: counter
    unit: count
    title: Orders
    description: Orders placed.
    formerly: [{name: orders, measurement: orders_total}]
  - name: carts
    type: gauge
    unit: count
    title: Carts
    description: Open carts.
    deprecated: Nobody counts them any more.
"""


def test_sets_kept_fields_and_former_names(
    database: Database, telegraf_binary: Path, tmp_path: Path
) -> None:
    (tmp_path / "site" / "catalogs").mkdir(parents=True)
    (tmp_path / "site" / "catalogs" / "shop.yaml").write_text(CATALOG)
    shop = load_catalogs(tmp_path / "site" / "catalogs")["shop"]
    visitors, checkout, orders, _ = shop.metrics
    reader = database.reader()
    start = int(time.time() * 1000) - 1000
    with rendered_telegraf(telegraf_binary, database, tmp_path / "site", apps=["shop"]) as telegraf:
        traffic = documented_traffic(telegraf.host.applications)
        sent = [Sent(HOST, sample) for sample in traffic.samples]
        send(telegraf.port, [p for s in traffic.statsd[Transport.UDP] for p in s.packets])
        arrived(reader, sent, start)
        (fields,) = reader.ask([f'SHOW FIELD KEYS FROM "{shop.measurement(checkout)}"'])
        kept = {row["fieldKey"] for row in fields.series[0].rows}
        assert kept == {"count", "sum", "upper", "90_percentile", "99.9_percentile"}
        assert visitors.type.telegraf == "set"

        # What an application that was not updated yet sends is the same metric.
        send(telegraf.port, ["shop.jp.orders:4|c", "shop.jp.orders.placed:3|c"])
        total = f'SELECT sum("value") FROM "{shop.measurement(orders)}" WHERE "region" = \'jp\''

        def counted() -> float:
            (answer,) = reader.ask([total])
            return float(answer.series[0].rows[0]["sum"]) if answer.series else 0

        wait_for(lambda: counted() == 7, "orders under both names")
    assert undocumented(reader, start) == []


def test_the_past_under_a_former_name_is_on_the_panel(database: Database, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(CATALOG)
    shop = load_catalogs(tmp_path)["shop"]
    orders = shop.metrics[2]
    now = int(time.time())
    database.write(
        f"shop_orders_total,host=past,region=eu value=5i {now - 30}",
        f"shop_orders_placed,host=past,region=eu value=9i {now - 10}",
    )
    (query,) = graph(shop, [orders]).queries
    text = expand(
        query.text,
        start=(now - 60) * 1000,
        end=now * 1000,
        interval=10_000,
        values={"host": "past"},
    )
    (answer,) = database.reader().ask([text])
    values = [v for s in answer.series for row in s.rows for k, v in row.items() if k != "time"]
    # Where nothing came, nothing is drawn.
    assert sorted(value for value in values if value is not None) == [0.5, 0.9]
    assert None in values
