from __future__ import annotations

from collections.abc import Callable

import pytest

from provision.catalog.model import Transport
from provision.errors import InvalidInput
from provision.fleet.model import Fleet
from provision.listening import PUSHGATEWAY, TELEGRAF, Listener, guarded, listeners
from provision.settings import Settings
from tests.conftest import INVENTORY

UDP = frozenset({Transport.UDP})
EVERYBODY = ["0.0.0.0/0", "::/0"]


def listener(address: str, *allowed: str) -> Listener:
    settings = Settings.model_validate(
        {"telegraf_statsd_address": address, "telegraf_statsd_allowed": allowed}
    )
    (found,) = listeners(settings, UDP, pushgateway=False)
    return found


@pytest.mark.parametrize(
    ("address", "allowed", "public", "kept_out"),
    [
        ("127.0.0.1", [], False, False),
        ("127.0.0.2", ["10.0.0.0/8"], False, False),
        ("::1", [], False, False),
        ("", ["10.0.0.0/8"], True, True),
        ("", EVERYBODY, True, False),
        ("", ["0.0.0.0/1", "128.0.0.0/1", "::/0"], True, False),
        ("", ["0.0.0.0/0"], True, True),  # and nobody by IPv6
        ("::", ["::/0"], True, True),
        ("0.0.0.0", ["0.0.0.0/0"], True, False),
        ("192.0.2.1", ["0.0.0.0/0"], True, False),
        ("2001:db8::1", ["::/0"], True, False),
        ("2001:db8::1", ["0.0.0.0/0"], True, True),
    ],
)
def test_who_is_kept_out(address: str, allowed: list[str], public: bool, kept_out: bool) -> None:
    found = listener(address, *allowed)
    assert (found.public, found.guarded) == (public, kept_out)


def test_networks_are_those_of_a_version_and_none_is_in_another() -> None:
    found = listener("", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "fd00::/8", "fd01::1")
    assert found.networks(4) == ["10.0.0.0/8", "192.0.2.7/32"]
    assert found.networks(6) == ["fd00::/8"]


def test_each_unit_has_its_own_listeners() -> None:
    settings = Settings.model_validate(
        {
            "telegraf_statsd_tcp_address": "",
            "telegraf_statsd_allowed": "10.0.0.0/8",
            "pushgateway_address": "0.0.0.0",
            "pushgateway_allowed": ["192.0.2.1"],
        }
    )
    both = frozenset(Transport)
    (statsd,) = guarded(TELEGRAF, settings, both, pushgateway=True)
    (pushed,) = guarded(PUSHGATEWAY, settings, both, pushgateway=True)
    assert (statsd.protocol, statsd.port, statsd.networks(4)) == ("tcp", 8125, ["10.0.0.0/8"])
    assert (pushed.protocol, pushed.port, pushed.networks(4)) == ("tcp", 9091, ["192.0.2.1/32"])
    assert guarded(PUSHGATEWAY, settings, both, pushgateway=False) == []


@pytest.mark.parametrize("address", ["''", "0.0.0.0", "'::'", "192.0.2.1"])
def test_a_listener_that_others_reach_needs_a_word_on_who_may_send(
    fleet_of: Callable[..., Fleet], address: str
) -> None:
    text = INVENTORY + f"all: {{vars: {{telegraf_statsd_address: {address}}}}}\n"
    with pytest.raises(InvalidInput) as caught:
        fleet_of(text)
    said = "w1.example.com and 1 more: telegraf_statsd_address: whoever reaches this host"
    assert said in str(caught.value)
    assert "telegraf_statsd_allowed: [10.0.0.0/8" in str(caught.value)
    fleet_of(text, "-e", "telegraf_statsd_allowed=10.0.0.0/8,fd00::/8")


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "example.com", "10.0.0.0/8 }; flush ruleset", "", "*"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="telegraf_statsd_allowed"):
        Settings.model_validate({"telegraf_statsd_allowed": [text]})
