from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from provision.cli import run
from provision.commands import verify as command
from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.grafana import Grafana
from provision.grafana_requests import GrafanaRefused
from provision.influx import Answer, InfluxDB
from provision.run.ansible import Difference, HostResult, RunResult
from provision.secrets import write_secrets
from provision.verify import waiting
from provision.verify.findings import Area, Finding, Status
from tests.verify.told import Told, answer, series

APPS = ["realm", "django-clickhouse"]
NOW = 2_000_000_000_000
INVENTORY: dict[str, Any] = {
    "monitor": {"hosts": {"m": {"grafana_enabled": False}}},
    "workers": {"hosts": {"w1": {}, "w2": {}}, "vars": {"apps": ["realm"]}},
}


class Clock:
    """Time that nobody waits for: each look at it is a second later."""

    def __init__(self) -> None:
        self.seconds = 0

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += 1

    def time(self) -> float:
        return NOW / 1000


def timed_by(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let the command, and what it waits with, see one clock."""
    for module in (command, waiting):
        monkeypatch.setattr(module, "time", clock)


@dataclass
class World:
    """What a run says of the hosts, and what the database has: all is well, if nobody says else."""

    results: dict[str, HostResult] = field(default_factory=dict)
    lost_probes: set[str] = field(default_factory=set)
    unsure: str = ""
    bucket: str = ""
    kind: str = "counter"
    down: bool = False
    looks_before_probes: int = 0
    looks_before_metrics: int = 0
    empty_panels: bool = False
    asked: list[str] = field(default_factory=list)
    age: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    fetches: dict[str, list[str]] = field(default_factory=dict)

    def apply(self, fleet: Fleet, *, variables: Mapping[str, str], **given: Any) -> RunResult:
        assert (given["check"], given["playbook"]) == (True, "verify.yml")
        for host, tasks in json.loads(variables["provision_probes"]).items():
            (task,) = tasks
            self.sent[host] = int(task["text"].split(":")[1].split("|")[0])
        for host, wanted in json.loads(variables["provision_scraped"]).items():
            self.fetches[host] = wanted["scraped"]
        hosts = {name: HostResult() for name in sorted(fleet.inventory.limited)}
        return RunResult(hosts | self.results, 0, "")

    def reader(self, fleet: Fleet) -> InfluxDB:
        if self.down:
            raise ProvisionError("InfluxDB at http://m:8086 cannot be asked: refused")
        return Open(self._tell)

    def _tell(self, statement: str) -> Answer:
        self.asked.append(statement)
        hosts = ("w1", "w2")
        if '"provision_probe"' in statement and self.looks_before_probes:
            self.looks_before_probes -= 1
            return Answer(())
        if '"provision_probe"' in statement:
            came = {h: n for h, n in self.sent.items() if h not in self.lost_probes}
            return answer(*[series({"time": 0, "max": n}, host=h) for h, n in came.items()])
        if " AS seen " in statement:
            never = self.unsure and f'"{self.unsure}"' in statement
            if '"cpu"' in statement and self.looks_before_metrics:
                self.looks_before_metrics -= 1
                never = True
            found = () if never else hosts
            return answer(*[series({"time": NOW - self.age, "seen": 1}, host=h) for h in found])
        if 'FROM "undocumented"' in statement:
            strays = ["w1"] if self.bucket else []
            return answer(
                *[
                    series({"count": 1}, bucket=self.bucket, host=h, metric_type=self.kind)
                    for h in strays
                ]
            )
        if " AS lost " in statement:
            return answer(*[series({"time": NOW, "lost": 0}, host=h) for h in hosts])
        if "GROUP BY time(" in statement:
            return Answer(()) if self.empty_panels else answer(series({"time": NOW, "last": 1}))
        return Answer(())


class Open(Told):
    def close(self) -> None:
        pass


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    world = World()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "apply", world.apply)
    monkeypatch.setattr(command, "reader", world.reader)
    timed_by(monkeypatch, Clock())
    Path("inventory.yml").write_text(json.dumps(INVENTORY))
    write_secrets(tmp_path / "secrets.yml", {"influxdb_admin_password": "x"})
    return world


def test_before_the_first_run_it_is_told_what_to_do(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("secrets.yml").unlink()
    assert run(["verify"]) == 1
    told = capsys.readouterr().err
    assert "secrets.yml: no secrets of this site, so nothing was provisioned yet" in told
    assert "run `provision up` first" in told
    # What the operator alone can know may be in it before the first run.
    write_secrets(Path("secrets.yml"), {"grafana_contact_pager": "x"})
    assert run(["verify"]) == 1
    assert "provision up" in capsys.readouterr().err


def verified(
    capsys: pytest.CaptureFixture[str], *words: str, status: int = 0
) -> list[dict[str, str]]:
    assert run(["verify", "--format", "json", *words]) == status
    findings: list[dict[str, str]] = json.loads(capsys.readouterr().out)["findings"]
    return findings


def faults(findings: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(f["area"], f["host"], f["name"]) for f in findings if f["status"] == "failed"}


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--wait", "soon"),
        ("--wait", "10"),
        ("--wait", "-1s"),
        ("--wait", ""),
        ("--since", "1.5h"),
        ("--since", "24h; x"),
        ("--since", "10s\n"),
    ],
)
def test_what_is_no_duration_is_told_with_its_option(
    world: World, capsys: pytest.CaptureFixture[str], option: str, text: str
) -> None:
    assert run(["verify", f"{option}={text}"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {option} {text!r}: a duration is a number and one of")
    assert world.sent == {}


@pytest.mark.parametrize("words", [["--format", "xml"], ["--no-such-option"]])
def test_a_wrong_command_line_is_exit_2(words: list[str]) -> None:
    assert run(["verify", *words]) == 2


def test_a_fleet_that_is_whole_is_exit_0(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    found = verified(capsys)
    assert {f["status"] for f in found} == {"ok"}
    areas = {f["area"] for f in found}
    assert areas == {"host", "probe", "metric", "pipeline", "panel"}
    assert world.sent.keys() == {"w1", "w2"}
    assert run(["verify"]) == 0
    assert "0 failed, 0 warning, 0 not seen" in capsys.readouterr().out


def test_each_kind_of_fault_is_exit_1_and_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = Difference("telegraf", "file", "/etc/x", "change", "by hand")
    world.results["w1"] = HostResult(differences=[changed])
    world.results["w2"] = HostResult(failed="telegraf is not up.", remedy="see its journal")
    world.lost_probes = {"w2"}
    found = verified(capsys, status=1)
    assert faults(found) == {
        ("host", "w1", "file /etc/x"),
        ("host", "w2", "services"),
        ("probe", "w2", "udp"),
    }
    details = {(f["host"], f["name"]): f["detail"] for f in found}
    assert details["w1", "file /etc/x"] == "`provision up` would change it: by hand"
    assert details["w2", "services"] == "telegraf is not up; see its journal"
    assert details["w2", "udp"] == "not sent: see why the host cannot be looked at"
    world.lost_probes = set()
    # The first of several probes may have come before the next failed.
    (came,) = [f for f in verified(capsys, status=1) if (f["host"], f["name"]) == ("w2", "udp")]
    assert came["status"] == "ok" and "not sent" not in came["detail"]
    # A host that differs is up, one that failed is not praised for anything.
    assert details["w1", "services"] == "up, and answer"
    assert ("w1", "configuration") not in details
    assert ("w2", "configuration") not in details


def test_what_was_never_seen_or_is_unknown_is_a_fault_only_if_strict(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.unsure = "realm_session_started"
    found = verified(capsys)
    assert {(f["status"], f["host"]) for f in found if "session.started" in f["name"]} == {
        ("not seen", "w1"),
        ("not seen", "w2"),
    }
    verified(capsys, "--strict", status=1)
    world.unsure, world.bucket = "", "realm.x.conection.online"
    (stray,) = [f for f in verified(capsys) if f["status"] != "ok"]
    assert (stray["status"], stray["host"], stray["name"]) == ("warning", "w1", world.bucket)
    verified(capsys, "--strict", status=1)
    world.bucket = ""
    verified(capsys, "--strict")


def test_of_an_undocumented_bucket_all_catalogs_are_known(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of this host, and those of no host or of others, with the settings that they have."""
    hosts = {"w1": {"apps": ["realm"]}, "w2": {"apps": APPS, "django_clickhouse_prefix": "ch"}}
    Path("inventory.yml").write_text(json.dumps({**INVENTORY, "workers": {"hosts": hosts}}))
    for bucket, said in {
        "realm.eu-1.connection.online": "came as counter, and is documented as gauge of realm",
        "tinybird.eu-1.jobs.db-1.d_1.import.ok": "documented as counter of tinybird-jobs, which is "
        "not among this host's apps",
        "ch.sync.User.operations": "documented as counter of django-clickhouse, which is not among "
        "this host's apps",
    }.items():
        world.bucket = bucket
        for words in ([], ["-l", "w1"]):
            (stray,) = [f for f in verified(capsys, *words) if f["area"] == "undocumented"]
            assert (stray["name"], stray["detail"]) == (bucket, said)


def test_a_target_that_cannot_be_fetched_is_a_fault_and_named_before_its_metrics(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = {"hosts": {"w1": {}, "w2": {}}, "vars": {"apps": ["dataclay"]}}
    Path("inventory.yml").write_text(json.dumps({**INVENTORY, "workers": workers}))
    url = "http://127.0.0.1:8000/metrics"
    world.results["w1"] = HostResult(fetched={url: "cannot be fetched: connection refused"})
    world.results["w2"] = HostResult(fetched={url: ""})
    world.unsure = "dataclay_loaded_objects"
    found = verified(capsys, status=1)
    assert world.fetches == {"w1": [url], "w2": [url]}
    told = [(f["area"], f["host"], f["name"], f["detail"]) for f in found if f["status"] != "ok"]
    assert told[0] == ("target", "w1", url, "cannot be fetched: connection refused")
    # What it would have told is missed as ever.
    assert {(area, host) for area, host, *_ in told[1:]} == {("metric", "w1"), ("metric", "w2")}
    assert [f["host"] for f in found if f["area"] == "target" and f["status"] == "ok"] == ["w2"]
    world.fetches.clear()
    verified(capsys, "-l", "w2", status=1)
    assert world.fetches.keys() == {"w2"}


def test_a_probe_is_waited_for_longer_than_an_interval(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each look takes two seconds of this clock; Telegraf writes every ten."""
    world.looks_before_probes = 10
    assert faults(verified(capsys)) == set()
    world.looks_before_probes = 20
    assert faults(verified(capsys, status=1)) == {("probe", h, "udp") for h in ("w1", "w2")}
    world.looks_before_probes = 20
    assert faults(verified(capsys, "--wait", "1m")) == set()


def test_what_is_always_sent_may_be_some_intervals_old_and_no_older(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.age = 60_000
    found = verified(capsys)
    assert {f["detail"] for f in found if f["area"] == "metric"} == {"last seen 60 s ago"}
    world.age = 60_001
    found = verified(capsys, status=1)
    assert {f["area"] for f in found if f["status"] == "failed"} == {"metric"}
    assert ("metric", "w1", "cpu.usage_active (gauge)") in faults(found)
    verified(capsys, "-e", "telegraf_interval=11s")


def test_what_a_telegraf_that_was_just_started_sends_last_is_waited_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each look of two seconds asks three times for each of cpu's five fields; until 35 s."""
    world.looks_before_metrics = 10 * 15
    assert faults(verified(capsys)) == set()
    world.looks_before_metrics = 20 * 15
    assert {host for _, host, _ in faults(verified(capsys, status=1))} == {"w1", "w2"}
    world.looks_before_metrics = 20 * 15
    assert faults(verified(capsys, "--wait", "1m")) == set()


def test_what_cannot_come_is_not_waited_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for host in ("w1", "w2"):
        world.results[host] = HostResult(failed="telegraf is not up.")
    world.age = 60_001
    verified(capsys, status=1)
    asked = [each for each in world.asked if " AS seen " in each and '"cpu"' in each]
    assert len(asked) == len(set(asked)), "each was asked once"


def test_one_looks_back_as_far_as_one_is_asked_to(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def since(part: str) -> set[int]:
        asked = [statement for statement in world.asked if part in statement]
        return {NOW - int(statement.split("time >= ")[1].split("ms")[0]) for statement in asked}

    verified(capsys, "--since", "2h", "-e", "apps=django-clickhouse")
    assert since('"undocumented"') == since(" AS lost ") == {7_200_000}
    assert since('SELECT count("value") FROM') == {7_200_000}
    # Clocks of hosts differ a little.
    assert since('"provision_probe"') == {1000}
    assert since("GROUP BY time(360000ms)") == {3_600_000}
    ends = {s.split("time <= ")[1].split("ms")[0] for s in world.asked if "time <= " in s}
    assert any(f"time > {NOW}ms - 300s" in statement for statement in world.asked)
    assert ends == {str(NOW)}
    world.asked.clear()
    verified(capsys)
    assert since('"undocumented"') == {86_400_000}


def test_a_panel_without_data_answers_and_says_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def details() -> set[str]:
        return {f["detail"] for f in verified(capsys) if f["name"] == "realm: Realms open"}

    assert details() == {"InfluxDB: answers, 1 points"}
    world.empty_panels = True
    assert details() == {"InfluxDB: answers, no data in the last hour"}


def test_a_database_that_is_down_is_a_fault_beside_what_the_hosts_say(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.down = True
    found = verified(capsys, status=1)
    assert faults(found) == {("datasource", "m", "InfluxDB")}
    assert {f["host"] for f in found if f["area"] == "host"} == {"m", "w1", "w2"}


def test_a_grafana_that_cannot_be_asked_is_a_fault_beside_the_rest(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Grafana):
        def dashboard(self, uid: str) -> Mapping[str, Any]:
            raise ProvisionError(f"Grafana has no {uid}")

    monkeypatch.setattr(command, "viewer", lambda _: Broken("http://m:3000", "admin", "x"))
    assert run(["verify", "-e", "grafana_enabled=true", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert faults(found) == {("datasource", "", "Grafana")}
    assert {f["detail"].split(":")[0] for f in found if f["area"] == "panel"} == {"InfluxDB"}


def test_a_dashboard_that_grafana_has_not_read_yet_is_waited_for(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Late(Grafana):
        def dashboard(self, uid: str) -> Mapping[str, Any]:
            asked.append(uid)
            if len(asked) < 3 or gone:
                raise GrafanaRefused("not found", 404, "not found", "", "wait")
            return {"panels": []}

        def query(self, *_: Any, **__: Any) -> list[tuple[int, int, str | None]]:
            return []

    monkeypatch.setattr(command, "viewer", lambda _: Late("http://m:3000", "admin", "x"))
    monkeypatch.setattr(command.time, "sleep", lambda _: None)
    words = ["verify", "-e", "grafana_enabled=true", "--format", "json"]
    gone = False
    run(words)
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f["status"] for f in found if f["area"] == "datasource"] == ["ok"]
    gone = True
    monkeypatch.setattr(command, "_READ", 0)
    run(words)
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f["detail"] for f in found if f["area"] == "datasource"] == ["not found; wait"]


def test_a_grafana_that_does_not_take_the_password_is_not_asked_again(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five wrong passwords lock the login, for people as well."""
    other = Difference("grafana", "state", "user admin", "change", "its password is another")
    world.results["m"] = HostResult(differences=[other])
    monkeypatch.setattr(command, "viewer", lambda _: pytest.fail("Grafana was asked"))
    assert run(["verify", "-e", "grafana_enabled=true", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert faults(found) == {("datasource", "", "Grafana"), ("host", "m", "state user admin")}


def test_influxdbs_user_of_the_same_name_is_none_of_grafanas(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Difference("influxdb", "state", "user admin", "change", "its password is another")
    world.results["m"] = HostResult(differences=[other])
    asked: list[Fleet] = []

    def viewer(fleet: Fleet) -> Grafana:
        asked.append(fleet)
        raise ProvisionError("it was asked")

    monkeypatch.setattr(command, "viewer", viewer)
    found = verified(capsys, "-e", "grafana_enabled=true", status=1)
    assert asked and {f["detail"] for f in found if f["name"] == "Grafana"} == {"it was asked"}


def test_panels_that_grafana_answers_are_told_apart(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Empty(Grafana):
        def dashboard(self, uid: str) -> Mapping[str, Any]:
            return {"panels": []}

        def query(
            self, *_: Any, start: int, end: int, intervals: int
        ) -> list[tuple[int, int, str | None]]:
            assert (start, end) == (NOW - 3_600_000, NOW)
            return []

    monkeypatch.setattr(command, "viewer", lambda _: Empty("http://m:3000", "admin", "x"))
    assert run(["verify", "-e", "grafana_enabled=true", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    panels = [f for f in found if f["area"] == "panel"]
    told = {f["detail"] for f in panels if f["status"] == "failed"}
    assert told == {"Grafana: not on the dashboard that Grafana has"}
    (asked,) = [f for f in found if f["area"] == "datasource"]
    assert (asked["status"], asked["name"]) == ("ok", "Grafana")
    assert sum(f["status"] == "failed" for f in panels) == sum(f["status"] == "ok" for f in panels)


def test_other_hosts_than_those_of_a_limit_are_not_waited_for(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = world._tell

    def without_w2(statement: str) -> Answer:
        found = seen(statement)
        kept = tuple(each for each in found.series if each.tags.get("host") != "w2")
        return Answer(kept, found.error)

    monkeypatch.setattr(world, "_tell", without_w2)
    assert faults(verified(capsys, "-l", "w1")) == set()
    asked = [each for each in world.asked if " AS seen " in each and '"cpu"' in each]
    assert len(asked) == len(set(asked)), "each was asked once"


def test_a_question_that_is_refused_is_not_asked_again(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = world._tell

    def refusing(statement: str) -> Answer:
        found = seen(statement)
        refused = " AS seen " in statement and '"realm_' in statement
        return Answer((), "it is refused") if refused else found

    monkeypatch.setattr(world, "_tell", refusing)
    assert {host for _, host, _ in faults(verified(capsys, status=1))} == {""}
    asked = [each for each in world.asked if " AS seen " in each and '"realm_' in each]
    assert len(asked) == len(set(asked)), "each was asked once"


def test_long_intervals_are_not_waited_for_in_full(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each look of two seconds asks fifteen times for cpu: 65 seconds are 33 looks at most."""
    world.looks_before_metrics = 10_000
    verified(capsys, "-e", "telegraf_interval=10m", status=1)
    assert 10_000 - world.looks_before_metrics <= 40 * 15


def test_a_database_that_is_down_is_a_fault_of_each_limit(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.down = True
    found = verified(capsys, "-l", "w1", status=1)
    assert faults(found) == {("datasource", "m", "InfluxDB")}


def test_what_a_host_of_a_limit_does_not_have_is_not_told_of(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    site = {**INVENTORY, "workers": {"hosts": {"w1": {"apps": ["realm"]}, "w2": {"apps": APPS}}}}
    Path("inventory.yml").write_text(json.dumps(site))
    every = {f["name"] for f in verified(capsys) if f["area"] in ("panel", "value")}
    of_one = {f["name"] for f in verified(capsys, "-l", "w1") if f["area"] in ("panel", "value")}
    assert of_one < every
    assert any("django" in name for name in every) and not any("django" in n for n in of_one)


def test_a_limit_is_kept_to_in_what_is_sent_and_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.unsure = "realm_session_started"
    found = verified(capsys, "-l", "w1")
    assert world.sent.keys() == {"w1"}
    assert {f["host"] for f in found} == {"", "w1"}


def test_a_site_without_workers_is_looked_at_too(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("inventory.yml").write_text(json.dumps({"monitor": INVENTORY["monitor"]}))
    assert {f["host"] for f in verified(capsys)} == {"m"}


def test_junit_goes_to_a_file_or_to_where_results_go(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.lost_probes = {"w1"}
    assert run(["verify", "--junit", "found.xml"]) == 1
    assert capsys.readouterr().out.startswith(" ")
    text = Path("found.xml").read_text()
    probes = ElementTree.fromstring(text).find("testsuite[@name='probe']")
    assert probes is not None
    assert (probes.get("tests"), probes.get("failures")) == ("2", "1")
    assert run(["verify", "--format", "junit"]) == 1
    assert capsys.readouterr().out == text


def test_a_file_that_cannot_be_written_is_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", "--junit", "no/such/directory/found.xml"]) == 1
    said = capsys.readouterr()
    assert "error: no/such/directory/found.xml: No such file" in said.err
    # What was found out is not lost with it.
    assert "0 failed" in said.out


def test_one_looks_again_until_nothing_is_at_fault_or_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timed_by(monkeypatch, Clock())
    bad, good = (Finding(s, Area.PROBE, "w1", "udp", "") for s in (Status.FAILED, Status.OK))
    looks = iter([[bad], [bad], [good], []])
    assert command._until(lambda: next(looks), 50) == [good]
    looks = iter([[bad]] * 100)
    assert command._until(lambda: next(looks), 60) == [bad]
    assert 60 < len(list(looks)) < 80
    # A host that is known to be silent is not waited for.
    looks = iter([[bad], [good]])
    assert command._until(lambda: next(looks), 1000, {"w1"}) == [bad]


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (-5, "0 s ago"),
        (999, "0 s ago"),
        (119_999, "119 s ago"),
        (120_000, "2 min ago"),
        (7_199_999, "119 min ago"),
        (7_200_000, "2 h ago"),
        (172_800_000, "2 d ago"),
        (8_640_000_000, "100 d ago"),
    ],
)
def test_a_time_is_told_in_words(milliseconds: int, words: str) -> None:
    assert command._ago(milliseconds) == words
