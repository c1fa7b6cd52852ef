from __future__ import annotations

from collections.abc import Callable

import pytest

from provision.errors import InvalidInput
from provision.fleet.model import Fleet
from provision.ports import Listener, clashes
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]
# The monitoring host is a worker as well, whose applications send over TCP and push.
BOTH = """\
monitor: {hosts: {m: {ansible_host: 192.0.2.1}}}
workers:
  hosts:
    m: {apps: [tinybird-jobs, realm, dataclay], dataclay_pushgateway: true}
    w: {apps: [realm]}
"""


def listener(protocol: str, address: str, port: int = 1, variable: str | None = "x") -> Listener:
    return Listener("s", protocol, address, port, variable)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (("tcp", ""), ("tcp", "127.0.0.1"), True),
        (("tcp", "0.0.0.0"), ("tcp", ""), True),
        (("tcp", "::"), ("tcp", "192.0.2.1"), True),
        (("tcp", "127.0.0.1"), ("tcp", "127.0.0.1"), True),
        (("tcp", "127.0.0.1"), ("tcp", "192.0.2.1"), False),
        (("tcp", ""), ("udp", ""), False),
        (("tcp", "", 1), ("tcp", "", 2), False),
    ],
)
def test_two_that_listen_at_once(
    one: tuple[str, str, int], other: tuple[str, str, int], clash: bool
) -> None:
    assert bool(list(clashes([listener(*one), listener(*other)]))) is clash


def test_the_one_whose_port_can_be_set_is_named() -> None:
    fixed, free = listener("tcp", "", 1, None), listener("tcp", "", 1, "y")
    assert [one.variable for one, _ in clashes([fixed, free])] == ["y"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("grafana_port=8086", ["m: influxdb_port", "tcp port 8086", "(grafana_port)"]),
        ("pushgateway_port=8125", ["m: telegraf_statsd_tcp_port", "(pushgateway_port)"]),
        ("telegraf_statsd_tcp_port=3000", ["m: telegraf_statsd_tcp_port", "(grafana_port)"]),
        ('{"grafana_port": 8088, "influxdb_engine": 1}', ["m: grafana_port", "port 8088"]),
    ],
)
def test_a_port_that_two_services_of_a_host_have_is_told(
    fleet_of: Make, option: str, said: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        fleet_of(BOTH, "-e", option)
    (problem,) = caught.value.problems
    for words in said:
        assert words in str(problem)


@pytest.mark.parametrize(
    "option", ["grafana_port=8125", "pushgateway_port=8086", "telegraf_statsd_port=8086"]
)
def test_services_of_several_hosts_and_protocols_are_not_in_the_way(
    fleet_of: Make, option: str
) -> None:
    assert fleet_of(INVENTORY, "-e", option)


def test_what_is_not_there_listens_nowhere(fleet_of: Make) -> None:
    assert fleet_of(BOTH, "-e", "{grafana_enabled: false, grafana_port: 8086}")
