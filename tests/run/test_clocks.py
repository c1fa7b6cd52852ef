from __future__ import annotations

from provision.run.clocks import off

HOUR = 3600


def test_clocks_that_agree_well_enough_are_not_told_of() -> None:
    assert off({"m": 3, "w1": -50, "w2": 5}, "m") == {}
    assert off({}, "m") == {}
    assert off({"w1": 0}, "m") == {}


def test_a_host_that_is_far_off_is_told_with_what_it_does() -> None:
    found = off({"m": 0, "w1": 2 * HOUR, "w2": -5 * 86400}, "m")
    assert set(found) == {"w1", "w2"}
    assert "2 h ahead of this machine's" in found["w1"] and "future" in found["w1"]
    assert "5 d behind this machine's" in found["w2"] and "past" in found["w2"]


def test_a_worker_is_held_against_the_monitoring_host_as_well() -> None:
    found = off({"m": -40, "w1": 40}, "m")
    assert list(found) == ["w1"] and "80 s ahead of the monitoring host's" in found["w1"]
    assert list(off({"m": -90, "w1": 0, "w2": 1}, "m")) == ["m"], "one clock is wrong, not three"


def test_where_all_hosts_agree_it_is_this_machine_that_is_off() -> None:
    assert list(off({"m": HOUR, "w1": HOUR + 5}, "m")) == [""]
    assert "1 h" not in off({"m": HOUR, "w1": HOUR + 5}, "m")[""]
    assert "60 min behind those of all hosts" in off({"m": HOUR, "w1": HOUR + 5}, "m")[""]
    assert list(off({"w1": HOUR}, "m")) == ["w1"], "one alone says nothing of all"
