from __future__ import annotations

import pytest

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
