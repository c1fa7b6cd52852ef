from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import InvalidInput
from tests.conftest import INVENTORY
from tests.site.conftest import Make, problems


def test_everything_that_is_wrong_with_contacts_is_told_with_host_and_key(fleet_of: Make) -> None:
    contacts = (
        "{a: {type: sms}, b: {type: slack, url: 'https://hooks.example.com/secret'}, "
        "c: {type: email, addresses: [nobody]}, d: {type: slack, severities: [worst]}}"
    )
    text = INVENTORY.replace("192.0.2.1", f"192.0.2.1, grafana_contacts: {contacts}")
    found = problems(fleet_of, text)
    assert all(each.startswith("monitor.example.com: grafana_contacts.") for each in found)
    assert [each.split(": ")[1].split(".")[1] for each in found] == ["a", "b", "c", "d"]
    assert "secrets go into the secrets file" in found[1] and "hooks" not in found[1]


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        ("type: webhook, user: me", "grafana_contacts.a.user: no such key; secrets go into the"
         " secrets file (did you mean username?)"),
        ("type: slack, severities: [critcal]", "grafana_contacts.a.severities.0: 'info', 'warning'"
         " or 'critical' is needed (found 'critcal') (did you mean critical?)"),
        ("type: email, addresses: []", "grafana_contacts.a.addresses: at least 1 is needed"
         " (found [])"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_contact_is_told_where_it_stands(
    fleet_of: Make, contact: str, told: str
) -> None:
    contacts = f"{{a: {{{contact}}}}}"
    text = INVENTORY.replace("192.0.2.1", f"192.0.2.1, grafana_contacts: {contacts}")
    (found,) = problems(fleet_of, text)
    assert found == f"monitor.example.com: {told}"


def test_a_contact_is_for_applications_that_are_known(fleet_of: Make) -> None:
    contacts = "{a: {type: slack, apps: [relm]}}"
    text = INVENTORY.replace("192.0.2.1", f"192.0.2.1, grafana_contacts: {contacts}")
    (found,) = problems(fleet_of, text)
    assert found.startswith("monitor.example.com: grafana_contacts.a.apps: ")
    assert "realm" in found


def test_a_worker_without_a_monitor_is_named(fleet_of: Make) -> None:
    (found,) = problems(fleet_of, "workers: {hosts: {w1: {apps: [realm]}}}\n")
    assert "no monitoring host for w1" in found
    assert "--monitor" in found


def test_two_monitors_are_too_many(fleet_of: Make) -> None:
    (found,) = problems(fleet_of, "monitor: {hosts: {a: , b: }}\n")
    assert found == "monitor: one monitoring host is needed, not 2: a, b"


def test_an_inventory_without_our_groups_says_how(fleet_of: Make) -> None:
    (found,) = problems(fleet_of, "web: {hosts: {a: }}\n")
    assert "provision init" in found


@pytest.mark.parametrize("name", ["worker", "Workers", "monitors", "wokers"])
def test_a_misspelt_group_is_told(fleet_of: Make, name: str) -> None:
    found = problems(fleet_of, INVENTORY + f"{name}: {{hosts: {{x: {{apps: [realm]}}}}}}\n")
    near = "monitor" if name == "monitors" else "workers"
    assert found == [f"{name}: no such group; did you mean {near}?"]


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "a$b", "-x", "a'b", "{{x}}"])
def test_a_host_name_that_is_none_is_refused(fleet_of: Make, name: str) -> None:
    text = INVENTORY.replace("    w2.example.com:\n", f'    "{name}":\n')
    told = f"{name!r}: not the name of a host (take letters"
    assert any(each.startswith(told) for each in problems(fleet_of, text))


def test_what_is_called_as_ours_is_and_is_none_is_told(
    fleet_of: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = "telegraf_statsd_ttl: 12h\n    telegraf_start_timeout: 9\n    other_role_port: 1\n"
    text = INVENTORY.replace("    apps: [realm]\n", f"    apps: [realm]\n    {strange}")
    fleet_of(text.replace("192.0.2.1", "192.0.2.1, grafana_admin_password: x"))
    said = " ".join(capsys.readouterr().err.split())
    assert "grafana_admin_password (monitor.example.com) is a secret" in said
    assert "telegraf_statsd_ttl (w1.example.com and 1 more) is no variable" in said
    assert "start_timeout" not in said and "other_role" not in said


def test_who_takes_another_word_for_applications_is_told(fleet_of: Make) -> None:
    (found,) = problems(fleet_of, "monitor: {hosts: {m: }}\nworkers: {hosts: {w: {app: realm}}}\n")
    assert "set apps (not app) to some of" in found


GATEWAY = """
monitor: {hosts: {m: }}
workers:
  hosts: {g: {ansible_host: 192.0.2.3}, w: }
  vars: {apps: [realm], telegraf_gateway_url: "%s"}
"""


@pytest.mark.parametrize("gateway", ["http://g:8086", "http://192.0.2.3:8086", "https://G"])
def test_a_gateway_that_is_to_write_to_itself_is_told(fleet_of: Make, gateway: str) -> None:
    (told,) = problems(fleet_of, GATEWAY % gateway)
    assert told.startswith("g: telegraf_gateway_url: this host would write to itself")


def test_a_gateway_may_be_another_host_of_a_like_name(fleet_of: Make) -> None:
    assert len(fleet_of(GATEWAY % "http://g.example.com:8086").site.workers) == 2


def test_an_influxdb_of_others_that_workers_alone_know_is_told(fleet_of: Make) -> None:
    external = "influxdb: {external: 'https://i.example.com'}"
    of_workers = f"workers: {{hosts: {{w: }}, vars: {{apps: [realm], {external}}}}}\n"
    (told,) = problems(fleet_of, "monitor: {hosts: {m: }}\n" + of_workers)
    assert told.startswith("w: influxdb.external: it counts on the monitoring host")
    assert fleet_of(f"monitor: {{hosts: {{m: {{{external}}}}}}}\n" + of_workers).site.external


def test_an_address_in_place_of_an_influxdb_of_others_is_told_how(fleet_of: Make) -> None:
    text = "monitor: {hosts: {m: {influxdb: 'https://i.example.com'}}}\nworkers: {hosts: {}}\n"
    (told,) = [each for each in problems(fleet_of, text) if "influxdb" in each]
    assert "write {external: URL}" in told


@pytest.mark.parametrize(
    "hosts",
    [
        "monitor: {hosts: {m: }}\nworkers: {hosts: {workers: , w: }, vars: {apps: [realm]}}\n",
        "monitor: {hosts: {m: }}\nworkers: {hosts: {monitor: , w: }, vars: {apps: [realm]}}\n",
        "monitor: {hosts: {m: }}\nworkers: {hosts: {w: {apps: [realm]}}, vars: {}}\n"
        "x: {hosts: {workers: }}\n",
    ],
)
def test_a_host_that_ansible_would_take_for_a_group_is_told(fleet_of: Make, hosts: str) -> None:
    (told,) = problems(fleet_of, hosts)
    assert "Ansible takes it for the group" in told and told.startswith(("'workers'", "'monitor'"))


def test_a_monitoring_host_may_be_called_monitor(fleet_of: Make) -> None:
    text = "monitor: {hosts: {monitor: }}\nworkers: {hosts: {w: {apps: [realm]}}}\n"
    assert fleet_of(text).site.monitor.name == "monitor"


@pytest.mark.parametrize("name", ["ansible_hots", "ansible_usr", "ansible_prot"])
def test_a_misspelt_variable_of_ansibles_is_told(fleet_of: Make, name: str) -> None:
    text = f"monitor: {{hosts: {{m: {{{name}: x, ansible_ssh_pass: y, ansible_become: true}}}}}}\n"
    (problem,) = problems(fleet_of, text)
    assert problem.startswith(f"m: {name}: no such variable; did you mean ansible_")


def test_problems_are_told_with_the_file_and_line_in_which_they_stand(
    fleet_of: Make, tmp_path: Path
) -> None:
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "w1.yml").write_text("# mine\ntelegraf_intervall: 5s\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("influxdb_port: x\n")
    text = "monitor: {hosts: {m: }}\nworkers:\n  hosts:\n    w1:\n      apps: 5\n"
    with pytest.raises(InvalidInput) as caught:
        fleet_of(text)
    told = caught.value.message
    assert f"{tmp_path}/host_vars/w1.yml:2: w1: telegraf_intervall: no such variable" in told
    assert f"{tmp_path}/group_vars/all.yml:1: m and 1 more: influxdb_port: a whole number" in told
    assert f"{tmp_path}/inventory.yml:5: w1: apps: a list is needed (found 5)" in told


def test_what_several_hosts_have_in_common_is_told_once(fleet_of: Make) -> None:
    with pytest.raises(InvalidInput) as caught:
        fleet_of("monitor: {hosts: {m: }}\nworkers: {hosts: {w1: , w2: , w3: {apps: [x]}}}\n")
    first, *lines = caught.value.message.splitlines()
    assert first == "2 problems:"
    assert len(lines) == 2
    assert "w1 and 1 more: apps: no application for this worker" in lines[0]
    assert "w3: apps: " in lines[1]
    assert len(caught.value.problems) == 3
