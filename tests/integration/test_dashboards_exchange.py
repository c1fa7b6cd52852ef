"""`provision dashboards import`, `export`, `diff`, `prune` on a real Grafana."""

from __future__ import annotations

import copy
import json
import shutil
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.cli import run
from provision.paths import CATALOGS
from tests.answering import Reply, answering
from tests.integration.grafana import (
    ADMIN,
    PASSWORD,
    GrafanaServer,
    grafana_process,
    unpacked,
)

REALM = "provision-realm"
PATH = "/grafana"
READ_ONLY = {"uid": "provision-host", "title": "Of a file", "schemaVersion": 37, "panels": []}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrafanaServer]:
    home = unpacked(tmp_path_factory.mktemp("grafana-package"))
    directory = tmp_path_factory.mktemp("grafana")
    files = directory / "files"
    files.mkdir()
    (files / "host.json").write_text(json.dumps(READ_ONLY))
    dashboards = directory / "provisioning/dashboards"
    dashboards.mkdir(parents=True)
    (dashboards / "files.yaml").write_text(
        "apiVersion: 1\nproviders:\n  - {name: files, type: file, folder: Of files,"
        f" options: {{path: {files}}}}}\n"
    )
    with grafana_process(home, directory, path=PATH) as grafana:
        yield grafana


@pytest.fixture(scope="module")
def influxdb() -> Iterator[str]:
    """The URL of what answers as an empty InfluxDB does."""
    with answering(lambda _: Reply('{"results": [{"statement_id": 0}]}')) as url:
        yield url


@pytest.fixture
def grafana(
    server: GrafanaServer, influxdb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GrafanaServer]:
    """One with a datasource of InfluxQL, one of Flux and one of another kind, and no dashboards."""
    server.clear(keep="Of files")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAFANA_URL", server.url)
    monkeypatch.setenv("GRAFANA_TOKEN", server.token("Admin"))
    for name, kind, data in (
        ("Metrics", "influxdb", {"dbName": "telegraf"}),
        ("Fluxy", "influxdb", {"version": "Flux"}),
        ("Logs", "loki", {}),
    ):
        source = {"name": name, "uid": name.lower(), "type": kind, "access": "proxy"}
        body = {**source, "url": influxdb, "jsonData": data}
        server.ask("POST", "/api/datasources", body)
    yield server


Provision = Callable[..., tuple[int, str]]


@pytest.fixture
def provision(capfd: pytest.CaptureFixture[str]) -> Provision:
    """Runs `provision dashboards ...`; gives the exit status and all that was told, on one line."""

    def call(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        status = run(["dashboards", *arguments])
        told = capfd.readouterr()
        assert PASSWORD not in told.out + told.err
        return status, told.out + told.err

    return call


def edited(grafana: GrafanaServer, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Save a dashboard of Realm as a browser does, with its defaults written out."""
    dashboard = grafana.dashboard(REALM)["dashboard"]
    for panel in dashboard["panels"]:
        if panel["type"] == "timeseries":
            panel["pluginVersion"] = "9.4.0"
            custom = panel["fieldConfig"]["defaults"]["custom"]
            panel["fieldConfig"]["defaults"]["custom"] = {"axisLabel": "", "pointSize": 5} | custom
            panel["fieldConfig"]["defaults"]["mappings"] = []
            panel["options"]["legend"].setdefault("calcs", [])
            for target in panel["targets"]:
                target |= {"hide": False, "orderByTime": "ASC", "policy": "default", "tags": []}
    change(dashboard)
    folder = grafana.dashboard(REALM)["meta"]["folderUid"]
    grafana.ask(
        "POST",
        "/api/dashboards/db",
        {"dashboard": dashboard, "folderUid": folder, "message": "mine", "overwrite": False},
    )
    return dashboard


def titled(dashboard: dict[str, Any]) -> None:
    panel = next(p for p in dashboard["panels"] if p["title"] == "Sessions online")
    panel["title"] = "Who is there?"


def test_the_second_import_changes_nothing(grafana: GrafanaServer, provision: Provision) -> None:
    status, told = provision("import", "realm", "dataclay", "--dry-run")
    assert (status, grafana.ask("GET", "/api/search?query=Realm")) == (0, []), told
    assert "2 to create (dry run)" in told
    status, told = provision("import", "realm", "dataclay")
    assert (status, "2 created" in told) == (0, True), told
    found = grafana.dashboard(REALM)
    assert found["meta"]["folderTitle"] == "provision"
    (variable,) = (v for v in found["dashboard"]["templating"]["list"] if v["name"] == "datasource")
    assert variable["current"]["value"] == "metrics"
    status, told = provision("import", "realm", "dataclay")
    assert (status, "2 unchanged" in told) == (0, True), told
    assert grafana.dashboard(REALM)["dashboard"]["version"] == found["dashboard"]["version"]
    assert not Path("grafana-backups").exists()
    status, told = provision("diff", "realm", "dataclay")
    assert (status, told.count(": same")) == (0, 2)


def test_what_a_catalog_changed_is_saved_and_what_it_replaces_kept(
    grafana: GrafanaServer, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    own = Path("mine")
    own.mkdir()
    text = (CATALOGS / "realm.yaml").read_text()
    (own / "realm.yaml").write_text(text.replace("title: Sessions online", "title: Here now"))
    status, told = provision("import", "realm", "--catalogs", "mine", "--dry-run")
    assert "panel 'Sessions online': title 'Sessions online' → 'Here now'" in told
    before = grafana.dashboard(REALM)["dashboard"]
    status, told = provision("import", "realm", "--catalogs", "mine")
    assert (status, "1 changed" in told) == (0, True), told
    (kept,) = Path("grafana-backups").glob("*/*")
    assert json.loads(kept.read_text()) == before
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.name.startswith(f"{REALM}-v{before['version']}-")


def test_what_a_person_changed_is_shown_and_left_alone(
    grafana: GrafanaServer, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    theirs = edited(grafana, titled)
    status, told = provision("import", "realm")
    assert status == 1
    assert "was changed after version 1, which provision wrote (by admin" in told
    assert "panel 'Sessions online': title 'Sessions online' → 'Who is there?'" in told
    assert told.count(" → ") == 2, told  # none of what a browser adds by itself
    assert "--overwrite" in told
    assert grafana.dashboard(REALM)["dashboard"]["version"] == 2
    status, told = provision("diff", "realm", "--format", "json")
    (row,) = json.loads(told)["dashboards"]
    assert (status, row["status"], row["by"]) == (1, "different", "admin")
    assert len(row["differences"]) == 1
    status, told = provision("import", "realm", "--overwrite")
    assert status == 0, told
    (kept,) = Path("grafana-backups").glob("*/*")
    assert json.loads(kept.read_text())["panels"] == theirs["panels"]
    # And the backup can be put back.
    assert provision("import", "--file", str(kept), "--overwrite")[0] == 0
    assert provision("diff", "realm")[0] == 1
    assert provision("import", "realm")[0] == 1, "what was put back is a person's again"


def test_a_save_in_the_browser_that_changes_nothing_is_no_change(
    grafana: GrafanaServer, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    edited(grafana, lambda _: None)
    status, told = provision("import", "realm")
    assert (status, "1 unchanged" in told) == (0, True), told
    assert provision("diff", "realm")[0] == 0


def test_a_dashboard_of_our_uid_that_we_never_wrote_is_left_alone(
    grafana: GrafanaServer, provision: Provision
) -> None:
    dashboard = {"uid": REALM, "title": "Mine", "panels": [], "schemaVersion": 37}
    grafana.ask("POST", "/api/dashboards/db", {"dashboard": dashboard})
    status, told = provision("import", "realm")
    assert (status, "was not written by provision" in told) == (1, True), told
    assert grafana.dashboard(REALM)["dashboard"]["title"] == "Mine"


def test_one_that_people_put_elsewhere_stays_there_and_is_kept_current(
    grafana: GrafanaServer, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    folder = grafana.ask("POST", "/api/folders", {"title": "Mine/ünïcode & more"})
    dashboard = grafana.dashboard(REALM)["dashboard"]
    body = {"dashboard": dashboard, "folderUid": folder["uid"]}
    grafana.ask("POST", "/api/dashboards/db", body)
    own = Path("mine")
    own.mkdir()
    text = (CATALOGS / "realm.yaml").read_text()
    (own / "realm.yaml").write_text(text.replace("title: Sessions online", "title: Here now"))
    status, told = provision("import", "realm", "--catalogs", "mine")
    assert (status, "1 changed" in told) == (0, True), told
    assert grafana.dashboard(REALM)["meta"]["folderUid"] == folder["uid"]
    status, told = provision("import", "realm", "--catalogs", "mine", "--folder", "General")
    assert "from folder Mine/ünïcode & more to General" in told
    assert grafana.dashboard(REALM)["meta"]["folderUid"] == ""
    status, told = provision("import", "realm", "--catalogs", "mine", "--folder", folder["title"])
    assert (status, grafana.dashboard(REALM)["meta"]["folderUid"]) == (0, folder["uid"])


def test_a_title_that_is_taken_is_told(grafana: GrafanaServer, provision: Provision) -> None:
    folder = grafana.ask("POST", "/api/folders", {"title": "provision"})
    title = "Realm Object Server"
    body = {"dashboard": {"title": title, "panels": []}, "folderUid": folder["uid"]}
    grafana.ask("POST", "/api/dashboards/db", body)
    status, told = provision("import", "realm", "dataclay")
    assert status == 1
    assert f"dashboard '{title}' at {grafana.url}: folder 'provision' has another" in told
    assert "1 created" in told, "the other one is not kept waiting"


def test_a_provisioned_dashboard_is_told_of(grafana: GrafanaServer, provision: Provision) -> None:
    status, told = provision("import", "host", "--overwrite")
    assert status == 1
    assert f"at {grafana.url} is provisioned from host.json on that host" in told
    assert grafana.dashboard("provision-host")["dashboard"]["title"] == "Of a file"


def test_rights_that_are_missing_are_named(
    grafana: GrafanaServer, provision: Provision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", "glsa_wrong")
    status, told = provision("import", "realm")
    assert (status, "401" in told, "GRAFANA_TOKEN" in told) == (1, True, True), told
    monkeypatch.setenv("GRAFANA_TOKEN", grafana.token("Viewer"))
    status, told = provision("import", "realm")
    assert status == 1
    assert "may not make folder 'provision'" in told, told
    assert "folders:create" in told
    # An editor may not list datasources; what the browser is told is enough.
    monkeypatch.setenv("GRAFANA_TOKEN", grafana.token("Editor"))
    status, told = provision("import", "realm")
    assert (status, "1 created" in told) == (0, True), told
    monkeypatch.setenv("GRAFANA_TOKEN", grafana.token("Viewer"))
    assert provision("import", "realm")[0] == 0, "there is nothing to write"
    assert provision("diff", "realm")[0] == 0
    assert provision("export", "realm", "--output", "out")[0] == 0
    edited(grafana, titled)
    status, told = provision("import", "realm", "--overwrite")
    assert (status, "may not write it" in told) == (1, True), told
    status, told = provision("import", "realm")
    assert (status, "you may not see who changed it" in told) == (1, True), told
    arguments = ("--create-datasource", "--influxdb-url", "http://influxdb:8086", "--database", "x")
    monkeypatch.setenv("INFLUXDB_TOKEN", "t")
    status, told = provision("import", "realm", *arguments)
    assert (status, "may not make datasources" in told) == (1, True), told


def test_a_login_with_a_password_will_do(
    grafana: GrafanaServer, provision: Provision, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("password").write_text(f"{PASSWORD}\n")
    login = ("--user", ADMIN, "--password-file", "password")
    assert provision("import", "realm", *login)[0] == 0
    monkeypatch.setenv("GRAFANA_PASSWORD", "wrong")
    status, told = provision("diff", "realm", "--user", ADMIN)
    assert (status, "401" in told) == (1, True), told


def test_the_datasource_is_chosen_by_uid_or_name(
    grafana: GrafanaServer, provision: Provision
) -> None:
    for wrong, what in (
        ("Fluxy", "is asked in Flux"),
        ("logs", "is no InfluxDB but loki"),
        ("none", "has no datasource 'none'"),
    ):
        status, told = provision("import", "realm", "--datasource", wrong)
        assert (status, what in told, "'Metrics' (uid metrics)" in told) == (1, True, True), told
    other = {"name": "Other", "uid": "other", "type": "influxdb", "access": "proxy"}
    grafana.ask("POST", "/api/datasources", {**other, "url": "http://127.0.0.1:9"})
    status, told = provision("import", "realm")
    assert (status, "several datasources" in told, "(uid other)" in told) == (1, True, True), told
    status, told = provision("import", "realm", "--datasource", "Other")
    assert status == 0, told
    assert "datasource other does not answer" in told


def test_a_datasource_is_made_once_and_anothers_never_changed(
    grafana: GrafanaServer, provision: Provision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFLUXDB_TOKEN", "a-token-nobody-may-see")
    make = ("--create-datasource", "--influxdb-url", "http://127.0.0.1:9", "--database", "telegraf")
    status, told = provision("import", "realm", *make, "--dry-run")
    assert (status, "would make datasource" in told) == (0, True), told
    status, told = provision("import", "realm", *make)
    assert (status, "a-token-nobody-may-see" in told) == (0, False), told
    made = grafana.ask("GET", "/api/datasources/uid/provision-influxdb")
    assert made["jsonData"]["dbName"] == "telegraf"
    assert made["jsonData"]["httpHeaderName1"] == "Authorization"
    assert made["secureJsonFields"] == {"httpHeaderValue1": True}
    status, told = provision("import", "realm", *make)
    assert (status, "1 unchanged" in told) == (0, True), told
    status, told = provision("import", "realm", *make[:-1], "another")
    assert (status, "is not for database 'another'" in told) == (1, True), told


def test_an_export_can_be_imported_by_grafana_itself_and_by_us(
    grafana: GrafanaServer, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    edited(grafana, titled)
    status, told = provision("export", "--output", "out")
    assert (status, "differs from what is generated" in told) == (0, True), told
    exported = json.loads(Path("out/realm.json").read_text())
    assert exported["id"] is None
    assert [each["name"] for each in exported["__inputs"]] == ["DS_INFLUXDB"]
    assert "metrics" not in json.dumps(exported["templating"])
    before = grafana.dashboard(REALM)["dashboard"]
    grafana.ask("DELETE", f"/api/dashboards/uid/{REALM}")
    chosen = {"name": "DS_INFLUXDB", "type": "datasource", "pluginId": "influxdb"}
    body = {"dashboard": exported, "inputs": [{**chosen, "value": "metrics"}], "overwrite": False}
    grafana.ask("POST", "/api/dashboards/import", body)
    after = grafana.dashboard(REALM)["dashboard"]
    assert after["panels"] == before["panels"]
    assert after["templating"]["list"][0]["current"]["value"] == "metrics"
    grafana.ask("DELETE", f"/api/dashboards/uid/{REALM}")
    assert provision("import", "--file", "out/realm.json")[0] == 0
    assert grafana.dashboard(REALM)["dashboard"]["panels"] == before["panels"]


def test_every_dashboard_can_be_exported(grafana: GrafanaServer, provision: Provision) -> None:
    title = "Früh/stück ../ \u202e"
    body = {"dashboard": {"uid": "a_b-C", "title": title, "panels": []}}
    grafana.ask("POST", "/api/dashboards/db", body)
    assert provision("export", "--all", "--output", "out")[0] == 0
    assert {path.name for path in Path("out").iterdir()} == {"a_b-C.json", "host.json"}
    assert json.loads(Path("out/a_b-C.json").read_text())["title"] == title
    status, told = provision("export", "nothing", "--output", "out")
    assert (status, "not in this Grafana: nothing" in told) == (1, True), told


def own_catalog(app: str) -> None:
    """A site's own application, put beside its inventory."""
    Path("catalogs").mkdir(exist_ok=True)
    Path("inventory.yml").touch()
    text = (CATALOGS / "realm.yaml").read_text()
    text = text.replace("app: realm", f"app: {app}").replace("realm.", f"{app}.")
    text = text.replace("title: Realm Object Server", f"title: {app}")
    Path(f"catalogs/{app}.yaml").write_text(text)


def test_prune_removes_what_is_ours_and_nothing_else(
    grafana: GrafanaServer, provision: Provision
) -> None:
    for app in ("shop", "till"):
        own_catalog(app)
    status, told = provision("import", "shop", "till", "realm")
    assert status == 0, told
    copied = copy.deepcopy(grafana.dashboard("provision-shop")["dashboard"])
    theirs = {
        "a-copy": {**copied, "title": "A copy"},
        "provision-by-hand": {"title": "By hand", "panels": [], "tags": ["provision"]},
    }
    for uid, dashboard in theirs.items():
        body = {"dashboard": {**dashboard, "id": None, "uid": uid}}
        grafana.ask("POST", "/api/dashboards/db", body)
    assert "nothing to remove" in provision("prune", "--yes")[1]
    shutil.rmtree("catalogs")
    till = grafana.dashboard("provision-till")["dashboard"]
    grafana.ask("POST", "/api/dashboards/db", {"dashboard": {**till, "title": "Till, mine"}})
    assert provision("prune")[0] == 1, "nobody is there to say yes"
    status, told = provision("prune", "--dry-run")
    assert "to remove  shop (provision-shop)" in told, told
    status, told = provision("prune", "--yes")
    assert status == 1, "one was changed by a person"
    assert "title 'till' → 'Till, mine'" in told, told
    assert "not ours   By hand" in told
    uids = {row["uid"] for row in grafana.ask("GET", "/api/search?type=dash-db")}
    assert uids == {REALM, "provision-till", "provision-host", *theirs}
    assert provision("prune", "--yes", "--changed", "till")[0] == 0
    with pytest.raises(urllib.error.HTTPError, match="404"):
        grafana.dashboard("provision-till")
    assert len(list(Path("grafana-backups").glob("*/*"))) == 2


def test_without_a_backup_nothing_is_replaced(grafana: GrafanaServer, provision: Provision) -> None:
    assert provision("import", "realm")[0] == 0
    edited(grafana, titled)
    Path("file").touch()
    status, told = provision("import", "realm", "--overwrite", "--backups", "file/x")
    assert (status, "the backup cannot be written" in told) == (1, True), told
    assert grafana.dashboard(REALM)["dashboard"]["version"] == 2


def test_a_change_in_between_is_not_overwritten(
    grafana: GrafanaServer, provision: Provision, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provision("import", "realm")[0] == 0
    edited(grafana, titled)
    from provision.commands import dashboards_import

    keep = dashboards_import.keep

    def slow(*arguments: Any) -> Path:
        edited(grafana, lambda dashboard: dashboard.update(title="Again"))
        return keep(*arguments)

    monkeypatch.setattr(dashboards_import, "keep", slow)
    status, told = provision("import", "realm", "--overwrite")
    assert (status, "someone changed it in this very moment" in told) == (1, True), told
    assert grafana.dashboard(REALM)["dashboard"]["title"] == "Again"


def test_after_an_end_in_the_middle_the_next_run_does_the_rest(
    grafana: GrafanaServer, provision: Provision, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provision.grafana import Grafana

    save = Grafana.save
    saved: list[int] = []

    def dies(self: Grafana, *arguments: Any, **named: Any) -> int:
        saved.append(save(self, *arguments, **named))
        if len(saved) == 2:
            raise KeyboardInterrupt
        return saved[-1]

    with monkeypatch.context() as dying:
        dying.setattr(Grafana, "save", dies)
        assert provision("import", "realm", "dataclay", "pipeline")[0] == 130
    status, told = provision("import", "realm", "dataclay", "pipeline")
    assert status == 0, told
    assert "2 unchanged, 1 created" in told, told
