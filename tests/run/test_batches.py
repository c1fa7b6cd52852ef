from __future__ import annotations

import click.testing
import pytest

from provision.cli import cli
from provision.run.batches import in_batches, together
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
