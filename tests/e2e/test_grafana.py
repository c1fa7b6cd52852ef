"""Grafana, where there is a package of it: logins, the datasource, the dashboard as it loaded."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.credentials import ADMIN
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.model import Kind
from provision.dashboards.pictures import BROWSERS, take_pictures
from provision.dashboards.render import DATASOURCE_UID
from provision.paths import cache
from provision.services import viewer
from provision.verify.panels import check_panels_in_grafana
from tests.e2e.conftest import ENGINES, GRAFANA_PACKAGES, StageSetter, needs_grafana
from tests.e2e.operating import Site, ask, basic, described
from tests.e2e.rights import assert_removes_no_one_new, query, reads


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


pytestmark = [pytest.mark.long, needs_grafana]


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, stage: StageSetter) -> Iterator[Site]:
    folder = Path(str(GRAFANA_PACKAGES))
    with stage("e2e-grafana", engine=request.param, folder=folder) as site:
        done = site.provision("up")
        assert done.status == 0, done.text
        yield site


def api(
    site: Site, path: str, user: str, password: str, body: str | None = None
) -> tuple[int, str]:
    address = site.stage.rehearsal.host(site.monitor).address
    headers = {**basic(user, password), "Content-Type": "application/json"}
    return ask(f"http://{address}:3000{path}", headers=headers, body=body)


def as_admin(site: Site, path: str, body: str | None = None) -> tuple[int, str]:
    return api(site, path, "admin", site.secrets["grafana_admin_password"], body)


def test_a_second_run_changes_nothing(site: Site) -> None:
    done = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in done.out, done.text


def test_only_the_site_s_own_password_opens_it(site: Site) -> None:
    assert as_admin(site, "/api/org")[0] == 200
    assert api(site, "/api/org", "admin", "admin")[0] == 401
    address = site.stage.rehearsal.host(site.monitor).address
    assert ask(f"http://{address}:3000/api/org")[0] == 401


def test_every_panel_answers_through_grafana(site: Site) -> None:
    start = int(time.time() * 1000) - 1000
    assert described(site.metrics()) == []
    deadline = time.monotonic() + 30
    while True:
        panels = check_panels_in_grafana(
            viewer(site.stage.fleet),
            site.stage.fleet.site.catalogs,
            start,
            int(time.time() * 1000),
        )
        # What Telegraf gathers of the host is a rate only after a second time.
        if all(panel.ok for panel in panels) or time.monotonic() > deadline:
            break
    shown = [m for p in panels if p.panel.kind is Kind.GRAPH for m in p.panel.metrics]
    assert sum(len(catalog.metrics) for catalog in site.stage.fleet.site.catalogs) == len(shown)
    assert [panel.panel.title for panel in panels if not panel.ok] == []


def test_the_datasource_answers_and_can_only_read(site: Site) -> None:
    status, answer = as_admin(site, f"/api/datasources/uid/{DATASOURCE_UID}")
    assert status == 200
    source = json.loads(answer)
    assert source["type"] == "influxdb" and source["readOnly"]
    assert all(secret not in answer for secret in site.secrets.values())
    proxy = f"/api/datasources/proxy/{source['id']}"
    status, answer = as_admin(site, f"{proxy}/query?db=telegraf&q=SHOW%20MEASUREMENTS")
    assert status == 200 and "realm_connection_online" in answer
    for path in ("/write?db=telegraf", "/api/v2/write?org=provision&bucket=telegraf"):
        assert as_admin(site, proxy + path, body="forbidden value=1")[0] >= 400
    status, answer = as_admin(site, f"{proxy}/query?db=telegraf&q=SHOW%20MEASUREMENTS")
    assert "forbidden" not in answer


def test_the_dashboards_are_loaded_and_nothing_is_complained_of(site: Site) -> None:
    catalogs = site.stage.fleet.site.catalogs
    assert {catalog.app for catalog in catalogs} == {"host", "pipeline", "realm"}
    for name, built in all_dashboards(catalogs).items():
        status, answer = as_admin(site, f"/api/dashboards/uid/{built.uid}")
        assert status == 200, name
        dashboard = json.loads(answer)
        assert dashboard["meta"]["provisioned"]
        panels = dashboard["dashboard"]["panels"]
        shown = [p for row in panels for p in (row, *row.get("panels", ())) if p["type"] != "row"]
        assert len(shown) == len(built.panels)
        assert all(panel.get("description") for panel in shown)
    log = site.on(
        site.monitor,
        "journalctl -q -u grafana-server -o cat; cat /var/log/grafana/grafana.log 2>/dev/null",
    )
    wrong = [line for line in log.splitlines() if "level=error" in line and "provision" in line]
    assert wrong == []


@pytest.mark.skipif(not installed("playwright"), reason="no Playwright is installed")
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium is installed")
def test_every_dashboard_is_shown_by_a_browser(site: Site) -> None:
    """The pictures stay in the cache, for people to look at."""
    assert described(site.metrics()) == []
    dashboards = list(all_dashboards(site.stage.fleet.site.catalogs).values())
    directory = cache() / "pictures" / f"engine-{site.stage.source.engine}"
    pictures = take_pictures(
        site.stage.fleet.site.grafana_url,
        (ADMIN, site.secrets["grafana_admin_password"]),
        dashboards,
        directory,
        widths=[1280],
        themes=["light", "dark"],
        span="300s",
    )
    assert [picture.faults for picture in pictures] == [()] * (2 * len(dashboards))
    for picture in pictures:
        header = picture.path.read_bytes()[:24]
        width, height = struct.unpack(">II", header[16:24])
        assert (width, height > 600) == (1280, True)


def test_no_secret_of_grafana_s_can_be_read_by_others(site: Site) -> None:
    script = (
        "cat > /run/patterns; chmod 600 /run/patterns;"
        "find / /run /tmp -xdev -type f -cnewer /etc/hostname -perm /o=r"
        " -exec grep -lF -f /run/patterns {} +; journalctl -q | grep -F -f /run/patterns;"
        " rm /run/patterns"
    )
    patterns = "\n".join(site.secrets.values())
    done = site.stage.rehearsal.execute(
        site.monitor, "sh", "-c", script, stdin=patterns, check=False
    )
    assert done.stdout == ""


def test_a_dashboard_that_is_not_ours_beside_ours_goes_and_ours_comes_back(site: Site) -> None:
    folder = "/etc/grafana/dashboards/provision"
    site.on(site.monitor, f"rm {folder}/realm.json; echo '{{}}' > {folder}/stray.json")
    check = site.provision("up", "--check")
    said = check.about(site.monitor)
    assert f"{folder}/stray.json" in said and "remove" in said
    assert "create dashboard Realm Object Server (it is missing)" in said
    done = site.provision("up")
    assert done.status == 0, done.text
    assert site.on(site.monitor, f"ls {folder}") == (
        "host.json\noverview.json\npipeline.json\nrealm.json\n"
    )


def of_wrong_passwords(site: Site, statement: str) -> str:
    """What comes of a statement in Grafana's own database."""
    program = (
        "import sqlite3; known = sqlite3.connect('/var/lib/grafana/grafana.db', timeout=20); "
        f"print(known.execute('{statement} FROM login_attempt').fetchall()); known.commit()"
    )
    return site.on(site.monitor, f'python3 -c "{program}"').strip()


def forget_wrong_passwords(site: Site) -> None:
    """As Grafana does by itself after five minutes."""
    of_wrong_passwords(site, "DELETE")


def test_what_grafana_reads_with_is_renewed_with_the_rest(site: Site) -> None:
    before = site.secrets
    done = site.provision("rotate")
    assert done.status == 0, done.text
    assert_removes_no_one_new(site, done.out)
    after = site.secrets
    kept = {"grafana_secret_key", *site.stage.fleet.site.given_secrets}
    assert {name for name in before if before[name] == after[name]} <= kept
    test_the_datasource_answers_and_can_only_read(site)
    name = site.stage.fleet.site.read_secret
    assert before[name] != after[name]
    assert query(site, reads(site), "SHOW MEASUREMENTS")[0] == 200
    assert query(site, reads(site, before[name]), "SHOW MEASUREMENTS")[0] in (401, 403)
    assert "3 hosts, 0 changed" in site.provision("up").out
    forget_wrong_passwords(site)


def test_a_password_changed_in_grafana_is_put_back(site: Site) -> None:
    """The last one: Grafana turns an administrator away after five wrong passwords."""
    old = site.secrets["grafana_admin_password"]
    body = json.dumps({"oldPassword": old, "newPassword": "changed-by-a-person", "confirmNew": ""})
    status, answer = ask(
        f"http://{site.stage.rehearsal.host(site.monitor).address}:3000/api/user/password",
        headers={**basic("admin", old), "Content-Type": "application/json"},
        body=body,
        method="PUT",
    )
    assert status == 200, answer
    check = site.provision("up", "--check")
    assert "3 hosts, 1 would change" in check.out, check.text
    site.provision("status")
    told = site.provision("verify").text
    assert "its password is another" in told and "not asked" in told
    done = site.provision("up")
    assert done.status == 0, done.text
    # Each looks once, and after five wrong ones nobody gets in for five minutes.
    assert of_wrong_passwords(site, "SELECT COUNT(*)") in ("[(3,)]", "[(4,)]")
    forget_wrong_passwords(site)
    assert as_admin(site, "/api/org")[0] == 200
    assert api(site, "/api/org", "admin", "changed-by-a-person")[0] == 401
    assert "3 hosts, 0 changed" in site.provision("up").out
