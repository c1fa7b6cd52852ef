from __future__ import annotations

from dataclasses import replace

import pytest

from provision.run.ansible import Diff, Difference, HostResult, RunResult, SecretFile
from provision.run.plan import Area, HostPlan, Plan, groups, hopeful, plan_of, surprises

CONF = "/etc/telegraf/telegraf.conf"
ENVIRONMENT = "/etc/default/telegraf"
RULES = "/etc/grafana/provisioning/alerting/provision.yaml"
FILE = Difference("telegraf", "file", CONF, "change", "its content differs")
RESTART = Difference("telegraf", "service", "telegraf", "restart", "its configuration changes")
PACKAGE = Difference("packages", "package", "telegraf", "install", "it is not installed")


def plan(**hosts: HostResult) -> Plan:
    return plan_of(RunResult(hosts, 0, ""))


def one(host: HostResult) -> HostPlan:
    return plan(w1=host).hosts[0]


def told(host: HostPlan) -> list[tuple[str, str, str]]:
    return [(step.action, step.kind, step.name) for step in host.steps]


def test_steps_are_in_the_order_of_what_they_are_about() -> None:
    found = one(HostResult(differences=[FILE, PACKAGE], effects=[RESTART], lines={CONF: (3, 1)}))
    assert [step.area for step in found.steps] == [Area.PACKAGES, Area.FILES, Area.SERVICES]
    assert (found.steps[1].come, found.steps[1].go, found.steps[1].path) == (3, 1, CONF)


def test_what_is_in_a_file_stands_for_the_file() -> None:
    rule = Difference("grafana", "alert rule", "Queue is long", "create", "it is missing")
    file = Difference("grafana", "file", RULES, "change", "its content differs")
    again = Difference("grafana", "state", "alert rules", "create", "Grafana does not have them: x")
    gone = Difference("grafana", "state", "alert rules", "remove", "no catalog has them: y")
    found = one(HostResult(differences=[file, again, gone], inside={RULES: [rule]}))
    assert told(found) == [("create", "alert rule", "Queue is long"), ("remove", "", "alert rules")]
    assert found.steps[0].path == RULES


def test_a_secret_that_is_made_anew_changes_the_files_that_hold_it() -> None:
    """InfluxDB tells a new token once it is made: no comparison of a worker could find that."""
    token = Difference("influxdb", "state", "token influxdb_write_token", "create", "refused")
    names = ("influxdb_write_token",)
    holder = SecretFile(ENVIRONMENT, "telegraf", names, ("telegraf",))
    other = SecretFile("/etc/default/other", "telegraf", ("another",), ("telegraf",))
    found = plan(m=HostResult(differences=[token]), w1=HostResult(secrets=[holder, other]))
    assert told(found.hosts[1]) == [
        ("change", "file", ENVIRONMENT),
        ("restart", "service", "telegraf"),
    ]
    rules = Difference("telegraf", "rules", "telegraf", "load", "somebody has dropped them")
    flushed = HostResult(differences=[rules], secrets=[holder])
    found = plan(m=HostResult(differences=[token]), w1=flushed)
    assert told(found.hosts[1]) == [
        ("change", "file", ENVIRONMENT),
        ("load", "rules", "telegraf"),
        ("restart", "service", "telegraf"),
    ]
    first = Difference("telegraf", "file", ENVIRONMENT, "create", "it is missing")
    start = Difference("telegraf", "service", "telegraf", "start", "it is not there yet")
    bare = HostResult(differences=[first, start], secrets=[holder])
    found = plan(m=HostResult(differences=[token]), w1=bare)
    assert [action for action, _, _ in told(found.hosts[1])] == ["create", "start"]


def test_hosts_of_which_the_same_is_told_are_together_whatever_they_are_called() -> None:
    def host(name: str, **more: int) -> HostResult:
        text = f'hostname = "{name}"\n'
        lines = {CONF: (more.get("lines", 1), 0)}
        return HostResult(differences=[FILE], diffs=[Diff(CONF, "", text)], lines=lines)

    found = plan(w1=host("w1"), w2=host("w2"), w3=host("w3", lines=2), w4=HostResult())
    for diffs in (True, False):
        assert [each.names for each in groups(found.hosts, diffs=diffs)] == [
            ("w1", "w2"),
            ("w3",),
            ("w4",),
        ]
    secret = "its secret influxdb_write_token_{} is not known yet"
    awaiting = {
        name: HostResult(differences=[replace(FILE, why=secret.format(key))])
        for name, key in (("w-1.example.com", "w__1_example_com"), ("w2", "w2"))
    }
    (group,) = groups(plan(**awaiting).hosts, diffs=False)
    assert group.names == ("w-1.example.com", "w2")
    odd = plan(w1=host("w1"), w2=host("another"))
    assert len(groups(odd.hosts, diffs=True)) == 2
    assert len(groups(odd.hosts, diffs=False)) == 1


@pytest.mark.parametrize(
    "said",
    [
        "ssh: connect to host {address} port 22: No route to host",
        "root@{address}: Permission denied (publickey).",
        "Connection closed by {address} port 22",
        "ssh: Could not resolve hostname {name}: Name or service not known",
    ],
)
def test_hosts_that_fail_alike_are_told_once_with_a_remedy_for_all(said: str) -> None:
    def down(name: str, address: str) -> HostResult:
        remedy = f"leave it out: --limit '!{name}'"
        text = said.format(name=name, address=address)
        return HostResult(failed=text, remedy=remedy, unreachable=True)

    found = plan(
        w1=down("w1", "192.0.2.1"), w11=down("w11", "192.0.2.11"), w2=down("w2", "2001:db8::2")
    )
    (group,) = groups(found.hosts, diffs=False)
    assert group.names == ("w1", "w11", "w2")
    assert group.told(group.plan.remedy) == "leave it out: --limit '!w1:!w11:!w2'"
    assert len(found.failed) == 3
    assert found.differing == ()


def test_nobody_is_left_out_where_nobody_would_be_left() -> None:
    remedy = "see that it runs, or leave it out: --limit '!w1'"
    down = HostResult(failed="no route", remedy=remedy, unreachable=True)
    assert hopeful(plan(w1=down)).hosts[0].remedy == "see that it runs"
    assert hopeful(plan(w1=down, w2=HostResult())).hosts[0].remedy == remedy


def test_failures_of_other_kinds_stay_apart() -> None:
    found = plan(w1=HostResult(failed="a"), w2=HostResult(failed="b"))
    assert len(groups(found.hosts, diffs=False)) == 2


def test_what_is_lost_is_known_of_the_whole_plan() -> None:
    state = Difference("influxdb", "state", "bucket x", "change", "why", "points are deleted")
    assert plan(m=HostResult(differences=[state])).warnings == ("points are deleted",)
    assert plan(m=HostResult(differences=[state], failed="no")).warnings == ()


def test_in_what_a_run_was_not_as_it_was_shown() -> None:
    shown = plan(w1=HostResult(differences=[FILE], effects=[RESTART]), w2=HostResult())
    same = plan(w1=HostResult(differences=[FILE], effects=[RESTART]), w2=HostResult())
    assert surprises(shown, same) == []
    other = plan(w1=HostResult(), w2=HostResult(differences=[PACKAGE]), w3=HostResult())
    found = [(each.host, each.step.name, each.done) for each in surprises(shown, other)]
    assert found == [("w1", CONF, False), ("w1", "telegraf", False), ("w2", "telegraf", True)]


@pytest.mark.parametrize(("kind", "action"), [("service", "reload"), ("rules", "load")])
def test_a_restart_in_the_place_of_less_is_one_surprise(kind: str, action: str) -> None:
    less = replace(RESTART, kind=kind, action=action)
    shown = plan(w1=HostResult(differences=[FILE], effects=[less]))
    other = plan(w1=HostResult(differences=[FILE], effects=[RESTART]))
    (found,) = surprises(shown, other)
    assert (found.step.action, found.step.name, found.done) == ("restart", "telegraf", True)
    (found,) = surprises(other, shown)[:1]
    assert (found.step.action, found.done) == (action, True)


def test_a_dashboard_that_was_shown_by_its_title_is_no_surprise_as_a_file() -> None:
    path = "/etc/grafana/dashboards/provision/realm.json"
    file = Difference("grafana", "file", path, "change", "its content differs")
    titled = Difference("grafana", "dashboard", "Realm", "change", "panel new: A")
    shown = plan(m=HostResult(differences=[file], inside={path: [titled]}))
    assert surprises(shown, plan(m=HostResult(differences=[file]))) == []


def test_a_host_that_failed_is_told_of_as_that_and_not_as_a_surprise() -> None:
    shown = plan(w1=HostResult(differences=[FILE]))
    assert surprises(shown, plan(w1=HostResult(failed="no"))) == []
