from __future__ import annotations

from dataclasses import replace

import pytest

from provision.dashboards.exchange.plan import (
    Action,
    History,
    decide,
    decide_prune,
    history,
    message_for,
    running_datasource,
)
from provision.grafana import Revision, Stored

OLD = {"uid": "provision-x", "title": "Old", "panels": []}
NEW = {"uid": "provision-x", "title": "New", "panels": []}
MINE = {"uid": "provision-x", "title": "Mine", "panels": []}


def stored(dashboard: dict[str, object], version: int = 1) -> Stored:
    return Stored("provision-x", str(dashboard["title"]), version, dashboard)


def ours(dashboard: dict[str, object], version: int = 1) -> Revision:
    return Revision(version, message_for(dashboard))


PERSON = Revision(2, "", "alice")


def action(there: Stored | None, known: History, **named: bool) -> Action:
    return decide("provision-x", NEW, there, known, **named).action


def test_what_there_is_decides() -> None:
    assert action(None, History()) is Action.CREATE
    written = history([ours(NEW)], stored(NEW))
    assert action(stored(NEW), written) is Action.SAME
    # Whatever a newer Grafana makes of it when it is read.
    assert action(stored({**NEW, "migrated": 1}), written) is Action.SAME
    assert action(stored(OLD), history([ours(OLD)], stored(OLD))) is Action.UPDATE
    changed = stored(MINE, 2)
    known = history([PERSON, ours(OLD)], changed)
    assert (known.ours, known.our_version) == (False, 1)
    assert action(changed, known) is Action.CHANGED
    assert action(changed, replace(known, before=OLD)) is Action.CHANGED
    assert action(changed, replace(known, before=MINE)) is Action.UPDATE, "saved, and not changed"
    assert action(changed, known, overwrite=True) is Action.UPDATE
    assert action(changed, history([], changed)) is Action.CHANGED
    assert action(changed, history(None, changed)) is Action.UNKNOWN
    assert action(stored(NEW), history(None, stored(NEW))) is Action.SAME
    assert action(replace(changed, newer=True), replace(known, before=MINE)) is Action.CHANGED
    read_only = replace(changed, provisioned="x.json")
    assert action(read_only, known, overwrite=True) is Action.PROVISIONED


def test_a_message_that_only_looks_like_ours_is_none() -> None:
    for message in ("Imported by provision", "Restored: " + message_for(OLD), "Initial save"):
        assert not history([Revision(1, message)], stored(OLD)).ours


def test_ours_counts_only_while_it_is_the_newest() -> None:
    assert not history([ours(OLD, 1)], stored(OLD, 2)).ours


def test_a_folder_that_is_said_is_a_reason_to_save() -> None:
    there, known = stored(NEW), history([ours(NEW)], stored(NEW))
    assert decide("provision-x", NEW, there, known, folder_uid="").action is Action.SAME
    step = decide("provision-x", NEW, there, known, folder_uid="f")
    assert (step.action, step.move) == (Action.UPDATE, True)


@pytest.mark.parametrize("uid", ["other", "my-provision-x"])
def test_only_what_is_provably_ours_is_pruned(uid: str) -> None:
    there = stored(OLD)
    written = history([ours(OLD)], there)
    assert decide_prune(replace(there, uid=uid), written) is None
    assert decide_prune(there, history([PERSON], there)) is None
    assert decide_prune(there, history(None, there)) is None
    step = decide_prune(there, written)
    assert step
    assert step.action is Action.REMOVE
    changed = stored(MINE, 2)
    known = replace(history([PERSON, ours(OLD)], changed), before=OLD)
    for there, told, expected in (
        (changed, False, Action.CHANGED),
        (changed, True, Action.REMOVE),
        (replace(changed, provisioned="x.json"), True, Action.PROVISIONED),
    ):
        step = decide_prune(there, known, changed=told)
        assert step
        assert step.action is expected
        assert [str(each) for each in step.theirs] == ["dashboard: title 'Old' → 'Mine'"]


def test_the_datasource_of_a_dashboard_is_that_of_its_variable() -> None:
    variable = {"type": "datasource", "name": "datasource", "current": {"value": "uid"}}
    assert running_datasource({"templating": {"list": [{"type": "query"}, variable]}}) == "uid"
    for odd in ({}, {"templating": None}, {"templating": {"list": [{**variable, "current": {}}]}}):
        assert running_datasource(odd) is None
