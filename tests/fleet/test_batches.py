from __future__ import annotations

from collections.abc import Callable, Mapping

import click.testing
import pytest

from provision.cli import cli
from provision.errors import ProvisionError
from provision.fleet.batches import Batches, in_batches, together
from provision.fleet.model import Fleet
from provision.fleet.twice import Run
from provision.run.plan import HostPlan, Plan


def test_the_monitoring_host_comes_first_and_by_itself() -> None:
    hosts = {"w2", "w10", "m", "w1"}
    assert list(in_batches(hosts, "m", 2)) == [("m",), ("w1", "w10"), ("w2",)]
    assert list(in_batches(hosts - {"m"}, "m", 9)) == [("w1", "w10", "w2")]
    assert list(in_batches({"m"}, "m", 1)) == [("m",)]


def test_a_host_of_several_runs_counts_once() -> None:
    host_plan, other = HostPlan("w", changed=True), HostPlan("a")
    failed = HostPlan("w", failed="unreachable")
    found = together(
        [
            Plan((host_plan,), ("this machine's clock is off",)),
            Plan((failed, other), ("this machine's clock is off", "stopped")),
            Plan((host_plan,)),
        ]
    )
    assert found.hosts == (other, failed)
    assert found.beside == ("this machine's clock is off", "stopped")


FLEET = """
monitor: {hosts: {m: }}
workers: {hosts: {w1: , w2: , w3: }, vars: {apps: [realm]}}
"""


def runs(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, plans: Mapping[str, HostPlan | ProvisionError]
) -> Batches:
    """A run by one worker at a time, of which it is known what becomes of each host."""

    def one(run: Run, *, check: bool) -> tuple[Plan, bool, float]:
        assert not check
        found = plans[run.hosts[0]]
        if isinstance(found, ProvisionError):
            raise found
        return Plan((found,)), not found.failed, 0.1

    monkeypatch.setattr(Run, "__call__", one)
    return Batches(Run(fleet, "monitor:workers", (), 0), 1, 0)


def test_what_was_done_is_told_where_a_later_batch_cannot_be_run(
    fleet_of: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = ProvisionError("another run works on this site", remedy="wait until it is done")
    plans = {"m": HostPlan("m"), "w1": HostPlan("w1", changed=True), "w2": busy}
    plan, ok, _ = runs(fleet_of(FLEET), monkeypatch, plans)(check=False)
    assert [host.name for host in plan.hosts] == ["m", "w1"] and not ok
    assert plan.beside == (
        "stopped, with w2, w3 left: another run works on this site; wait until it is done",
    )
    with pytest.raises(ProvisionError, match="another run"):
        runs(fleet_of(FLEET), monkeypatch, {"m": busy})(check=False)


def test_too_many_failures_end_it(
    fleet_of: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = {"m": HostPlan("m"), "w1": HostPlan("w1", failed="x")}
    plan, ok, _ = runs(fleet_of(FLEET), monkeypatch, plans)(check=False)
    assert not ok
    assert plan.beside == ("stopped, as 1 failed (--max-failures 0): w2, w3 not begun",)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("up", "--max-failures", "1"), "--max-failures goes with --serial"),
        (("worker", "--serial", "0"), "0 is not in the range"),
        (("monitor-server", "--serial", "1"), "No such option"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], said: str) -> None:
    done = click.testing.CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert said in done.output
