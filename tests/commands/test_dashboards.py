"""The commands for a running Grafana, on what answers as Grafana 13 does."""

from __future__ import annotations

import copy
import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.cli import run
from tests.answering import Reply, Request, answering, silent_url
from tests.newer_grafana import NewerGrafana

REALM = "provision-realm"
TOKEN = "glsa_nobody-may-see"
Provision = Callable[..., tuple[int, str]]


@pytest.fixture
def grafana(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewerGrafana]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    newer = NewerGrafana()
    with answering(newer) as url:
        monkeypatch.setenv("GRAFANA_URL", url)
        yield newer


@pytest.fixture
def provision(capfd: pytest.CaptureFixture[str]) -> Provision:
    def call(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        status = run(["dashboards", *arguments])
        told = capfd.readouterr()
        assert TOKEN not in told.out + told.err
        assert "Traceback" not in told.err
        return status, told.out + told.err

    return call


def person(grafana: NewerGrafana, title: str = "Mine") -> None:
    dashboard = copy.deepcopy(grafana.kept[REALM][-1][0])
    dashboard["panels"][1]["title"] = title
    grafana.save(REALM, dashboard, "", "alice")


def test_what_a_newer_grafana_migrates_is_no_change(
    grafana: NewerGrafana, provision: Provision
) -> None:
    status, told = provision("import", "realm", "--folder", "Apps")
    assert (status, "1 created" in told, grafana.folders) == (0, True, {"f1": "Apps"}), told
    assert "POST /api/dashboards/db" in grafana.asked
    grafana.asked.clear()
    status, told = provision("import", "realm", "--folder", "Apps")
    assert (status, "1 unchanged" in told) == (0, True), told
    assert not [each for each in grafana.asked if not each.startswith("GET")]
    assert provision("diff", "realm")[0] == 0


def test_a_persons_change_is_shown_with_the_name_and_left(
    grafana: NewerGrafana, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    person(grafana)
    status, told = provision("import", "realm")
    assert status == 1
    assert "by alice at 2026-11-02T10:00:00Z, version 2" in told
    assert "→ 'Mine'" in told
    assert len(grafana.kept[REALM]) == 2
    status, told = provision("import", "realm", "--overwrite", "--dry-run")
    assert (status, len(grafana.kept[REALM])) == (0, 2)
    assert provision("import", "realm", "--overwrite")[0] == 0
    (kept,) = Path("grafana-backups").glob("*/*")
    assert json.loads(kept.read_text())["panels"][1]["title"] == "Mine"


def test_one_saved_in_the_newer_model_is_left_and_kept_before_it_is_replaced(
    grafana: NewerGrafana, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    person(grafana)
    grafana.newer.add(REALM)
    status, told = provision("import", "realm")
    assert (status, "in the newer model (v2)" in told) == (1, True), told
    status, told = provision("diff", "realm")
    assert (status, "in the newer model (v2)" in told) == (1, True), told
    status, told = provision("export", "realm", "--output", "out")
    assert (status, "only the browser exports" in told) == (1, True), told
    status, told = provision("import", "realm", "--overwrite")
    assert status == 0, told
    (kept,) = Path("grafana-backups").glob("*/*")
    assert json.loads(kept.read_text())["spec"]["elements"] == {}
    assert provision("diff", "realm")[0] == 0


def test_a_catalog_that_changed_is_not_mistaken_for_a_person(
    grafana: NewerGrafana, provision: Provision
) -> None:
    assert provision("import", "realm")[0] == 0
    dashboard, _, by = grafana.kept[REALM][0]
    older = {**dashboard, "title": "As an older release called it"}
    grafana.kept[REALM][0] = (older, f"Imported by provision ({'0' * 32})", by)
    status, told = provision("import", "realm")
    assert (status, "1 changed" in told) == (0, True), told
    assert "title 'As an older release called it' → 'Realm Object Server'" in told


def test_a_dashboard_without_a_catalog_is_pruned_after_a_backup(
    grafana: NewerGrafana, provision: Provision
) -> None:
    mark = f"Imported by provision ({'0' * 32})"
    for uid, message in (("provision-old", mark), ("provision-mine", ""), ("other", mark)):
        grafana.save(uid, {"uid": uid, "title": uid, "panels": []}, message, "someone")
    status, told = provision("prune")
    assert (status, "--yes" in told) == (1, True), told
    assert provision("prune", "realm", "--yes")[0] == 1
    assert provision("prune", "--yes", "--dry-run")[0] == 0
    status, told = provision("prune", "--yes")
    assert (status, set(grafana.kept)) == (0, {"provision-mine", "other"}), told
    assert [path.name[:16] for path in Path("grafana-backups").glob("*/*")] == ["provision-old-v1"]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply("<html>", headers={"Content-Type": "text/html"}), "is not Grafana's API"),
        (Reply('{"status": "ok"}'), "is not Grafana's API"),
        (Reply("", 302, headers={"Location": "https://login.example.com/"}), "login.example.com"),
        (Reply('{"database": "ok", "version": "8.5.1"}'), "9 is the oldest"),
        (Reply("bad gateway", 502), "502 bad gateway"),
    ],
)
def test_what_is_no_grafana_is_told(
    grafana: NewerGrafana, provision: Provision, reply: Reply, told: str
) -> None:
    seen: list[Request] = []

    def keep(request: Request) -> Reply:
        seen.append(request)
        return reply

    with answering(keep) as url:
        status, said = provision("diff", "--url", url)
    assert (status, told in said, url in said, len(seen)) == (1, True, True, 1), said


def test_one_that_does_not_answer_is_told(grafana: NewerGrafana, provision: Provision) -> None:
    status, told = provision("diff", "--url", silent_url())
    assert (status, "cannot be asked: connection refused" in told) == (1, True)
    assert "its address is right (--url, GRAFANA_URL)" in told


def test_a_certificate_is_looked_at(
    grafana: NewerGrafana, provision: Provision, tmp_path: Path
) -> None:
    argv = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*argv.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with answering(grafana, context) as url:
        status, told = provision("diff", "realm", "--url", url)
        assert (status, "--ca-file" in told) == (1, True), told
        status, told = provision("diff", "realm", "--url", url, "--ca-file", "cert.pem")
        assert (status, "not in this Grafana" in told) == (1, True), told
        status, told = provision("diff", "realm", "--url", url, "--insecure")
        assert (status, "not in this Grafana" in told) == (1, True), told
        assert "Warning" not in told
    assert provision("diff", "--ca-file", "nowhere.pem")[0] == 1


@pytest.mark.parametrize(
    "url", ["grafana", "ftp://x", "http://", "http://a:b@x", "http://x?y=1", "http://x:port"]
)
def test_an_address_that_is_none_is_told(
    grafana: NewerGrafana, provision: Provision, url: str
) -> None:
    status, told = provision("diff", "--url", url)
    assert (status, "--url" in told, "a:b" in told) == (1, True, False), told


def test_a_login_is_needed_and_never_an_argument(
    grafana: NewerGrafana, provision: Provision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    status, told = provision("diff")
    assert (status, "--token-file" in told) == (1, True)
    for content, ok in ((f"{TOKEN}\n", True), ("", False), ("a\nb", False)):
        Path("token").write_text(content)
        status, told = provision("diff", "realm", "--token-file", "token")
        assert ("not in this Grafana" in told) is ok, told
    assert provision("diff", "--token-file", "nowhere")[0] == 1
    for wrong in (["--password-file", "token"], ["--user", "a", "--token-file", "token"]):
        assert provision("diff", *wrong)[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "realm", "--file", "x"],
        ["import", "--influxdb-url", "http://x"],
        ["import", "--create-datasource", "--database", "x"],
        ["import", "--create-datasource", "--datasource", "x"],
        ["import", "--create-datasource", "--influxdb-url", "http://x", "--database", "x"],
        ["export"],
        ["export", "--output", "out", "--all", "realm"],
    ],
)
def test_options_that_do_not_go_together_are_exit_2(
    grafana: NewerGrafana, provision: Provision, arguments: list[str]
) -> None:
    assert provision(*arguments)[0] == 2
    assert not grafana.asked


def test_an_unknown_application_is_told_before_anything_is_done(
    grafana: NewerGrafana, provision: Provision
) -> None:
    status, told = provision("import", "relm")
    assert (status, "did you mean 'realm'" in told, grafana.kept) == (1, True, {})


@pytest.mark.parametrize("content", ["", "[]", '{"panels": 1}', '{"panels": []}', None])
def test_a_file_that_is_no_dashboard_is_told(
    grafana: NewerGrafana, provision: Provision, content: str | None
) -> None:
    if content is not None:
        Path("x.json").write_text(content)
    status, told = provision("import", "--file", "x.json")
    assert (status, "x.json" in told, grafana.kept) == (1, True, {}), told
