from __future__ import annotations

import pytest
from ansible.module_utils.provision import influxdb1


def test_nothing_can_end_a_quoted_name_or_string() -> None:
    assert influxdb1.identifier('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'
    assert influxdb1.string("a'b\\c\nd") == "'a\\'b\\\\c\\nd'"


def test_durations_as_influxdb_prints_them() -> None:
    assert influxdb1._seconds("720h0m0s") == 2592000
    assert influxdb1._seconds("1h30m5s") == 5405
    assert influxdb1._seconds("0s") == 0


@pytest.mark.parametrize(
    ("seconds", "shard"),
    [(0, "168h"), (3600, "1h"), (86400, "1h"), (2 * 86400, "24h"), (180 * 86400, "24h"),
     (181 * 86400, "168h")],
)  # fmt: skip
def test_a_shard_is_never_longer_than_the_retention(seconds: int, shard: str) -> None:
    assert influxdb1._shard(seconds) == shard
    assert not seconds or influxdb1._seconds(shard) <= seconds
