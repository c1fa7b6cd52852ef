"""What a browser asks through a real Grafana: hosts' totals, or all series, as is chosen."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlencode

import pytest

from provision.catalog.load import load_catalogs
from provision.catalog.series import TOTALS
from provision.credentials import READER, fingerprint
from provision.dashboards.pictures import BROWSERS, find_browser, launched, signed_in
from provision.dashboards.render import rendered_dashboards
from tests.integration.grafana import ADMIN, PASSWORD, GrafanaServer, grafana_process, unpacked
from tests.integration.programs import Database

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright is installed")
pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, BROWSERS)), reason="no Chromium is installed"
)

UID = "grafana-of-tests"
PATIENCE = 60_000
# How many queries of graphs there are of each measurement.
GRAPHS = {"tinybird_jobs_ok": 1, "tinybird_jobs_error": 1}
GRAPHS |= {"tinybird_jobs_total": 4, "tinybird_jobs_working": 4}


def written(database: Database) -> None:
    """Jobs on two hosts, of two kinds, and the totals of one host alone."""
    now = int(time.time()) // 10 * 10
    tags = "region_machine=m1,database_server=s1,database=d1"
    timer = "sum=3,count=2i,50_percentile=1,95_percentile=2,99_percentile=2"
    lines = []
    for at in range(now - 600, now, 10):
        for name in GRAPHS:
            fields = timer if GRAPHS[name] == 4 else "value=1i"
            for host in ("one", "two"):
                lines += [f"{name},host={host},{tags},kind={k} {fields} {at}" for k in ("a", "b")]
            own = f"host=one,totals={TOTALS},totals_by=none\\,host"
            lines.append(f"{name}{TOTALS},{own} {fields} {at}")
    database.write(*lines)


@pytest.fixture(scope="module")
def grafana(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GrafanaServer]:
    home = unpacked(tmp_path_factory.mktemp("grafana"))
    with grafana_process(home, tmp_path_factory.mktemp("data")) as server:
        written(database)
        if database.engine == 2:
            token = f"Token {database.secrets['influxdb_read_token']}"
            login: dict[str, Any] = {"secureJsonData": {"httpHeaderValue1": token}}
        else:
            password = database.secrets["influxdb_read_password"]
            user = f"{READER}-{fingerprint(password)}"
            login = {"user": user, "secureJsonData": {"password": password}}
        source = {"name": "I", "uid": UID, "type": "influxdb", "access": "proxy"}
        options = {"dbName": "telegraf", "httpMode": "GET", "httpHeaderName1": "Authorization"}
        where = {"url": database.url, "database": "telegraf", "jsonData": options}
        server.ask("POST", "/api/datasources", {**source, **where, **login})
        catalog = load_catalogs()["tinybird-jobs"]
        for made in rendered_dashboards([catalog], UID).values():
            server.ask("POST", "/api/dashboards/db", {"dashboard": made})
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = launched(playwright, find_browser())
        yield signed_in(chromium, (ADMIN, PASSWORD), 1280, 1400)
        chromium.close()


def asked(
    browser: Any, grafana: GrafanaServer, *chosen: tuple[str, str]
) -> tuple[Mapping[str, int], list[str]]:
    """How often a dashboard's graphs ask each measurement, and where its links lead."""
    found: Counter[str] = Counter()

    def look(request: Any) -> None:
        text = unquote_plus(f"{request.url} {request.post_data or ''}")
        if "GROUP BY time(" in text:
            found.update(re.findall(r'FROM \\?"(tinybird_jobs_[^"\\]+)', text))

    page = browser.new_page()
    page.on("request", look)
    variables = urlencode([(f"var-{name}", value) for name, value in chosen])
    page.goto(
        f"{grafana.url}/d/provision-tinybird-jobs?from=now-15m&to=now&{variables}",
        timeout=PATIENCE,
        wait_until="networkidle",
    )
    page.wait_for_selector(".react-grid-layout", timeout=PATIENCE)
    page.wait_for_load_state("networkidle", timeout=PATIENCE)
    links = [str(a.get_attribute("href")) for a in page.query_selector_all("a[href*='var-host']")]
    page.close()
    return found, links


@pytest.mark.parametrize(
    ("chosen", "of_totals"),
    [
        ([], True),
        ([("host", "one")], True),
        ([("group_by", "(none)")], True),
        ([("group_by", "(none)"), ("group_by", "host")], True),
        # Two has no totals: it is seen all the same.
        ([("host", "two")], False),
        ([("group_by", "kind")], False),
        ([("group_by", "host"), ("group_by", "kind")], False),
        ([("group_by", "$__all")], False),
        ([("kind", "a")], False),
        ([("kind", "a"), ("kind", "b")], False),
    ],
)
def test_graphs_ask_totals_where_the_choices_let_them(
    browser: Any, grafana: GrafanaServer, chosen: list[tuple[str, str]], of_totals: bool
) -> None:
    found, links = asked(browser, grafana, *chosen)
    ending = TOTALS if of_totals else ""
    assert found == {f"{name}{ending}": number for name, number in GRAPHS.items()}
    # A value that came with an address would stay, whatever is chosen there.
    assert links and not any("var-totals" in link for link in links)
