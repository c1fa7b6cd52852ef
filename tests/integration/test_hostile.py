"""Input that nobody documents: real Telegraf outlives it, and what is documented stays exact."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from provision.catalog.model import UNDOCUMENTED
from provision.influx import InfluxDB
from provision.verify.findings import Area, Status
from provision.verify.seen import losses, metrics_seen
from provision.verify.strangers import strangers_seen
from tests.integration.programs import (
    HOST,
    Database,
    Key,
    Telegraf,
    dropped_by_kernel,
    key,
    rendered_telegraf,
    send,
    send_tcp,
    stored,
    unread,
    wait_for,
    wait_for_equal,
)

ENGINE_1 = pytest.mark.parametrize("database", [1], indirect=True, ids=["engine-1"])

# What Telegraf logs of lines that are none; everything else that it complains of is a fault.
NO_LINES = ("[inputs.statsd]", "use of closed network connection")


@pytest.fixture
def telegraf(database: Database, telegraf_binary: Path, tmp_path: Path) -> Iterator[Telegraf]:
    with rendered_telegraf(
        telegraf_binary,
        database,
        tmp_path / "site",
        apps=["realm", "django-clickhouse", "tinybird-jobs"],
    ) as telegraf:
        yield telegraf
    assert telegraf.complaints(*NO_LINES) == []


@pytest.fixture
def start() -> int:
    """Before anything of a test was sent (ms since 1970)."""
    return int(time.time() * 1000) - 1


def failed(host: str, **tags: str) -> Key:
    """A documented counter, by which tests see whether something is lost."""
    return key("realm_session_failed", metric_type="counter", hostname=host, **tags)


def failures(host: str, number: int = 1) -> str:
    return f"realm.{host}.session.failed:{number}|c"


def sums(reader: InfluxDB, start: int) -> Callable[[Key], float]:
    """What the counters of a series add up to; 0 where there is none."""
    found = stored(reader, start)
    return lambda where: float(found[where]["sum_value"] or 0) if where in found else 0


def other(bucket: str, **tags: str) -> Key:
    return key(UNDOCUMENTED, metric_type="counter", bucket=bucket, **tags)


MANY = ",".join(f"t{number:04}=x" for number in range(6000))
# Tags and texts that InfluxDB does not take; InfluxDB 2 refuses all else that comes with them.
REFUSED: list[tuple[bytes, Key]] = [
    (b"refused.time,time=5", other("refused.time", exported_time="5")),
    (b"refused.field,_field=5", other("refused.field", exported__field="5")),
    (b"refused.m,_measurement=5", other("refused.m", exported__measurement="5")),
    (b"refused.zero,\x00=5", other("refused.zero", _="5")),
    (b"refused.last,\xff=5", other("refused.last", _="5")),
    (b"refused.twice,a=1,a\\=2", other("refused.twice", a="1", a_="2")),
    (b"refused" + b"=" * 40_000, other("refused" + "=" * 993 + "...")),
    (
        b"realm." + b"h" * 60_000 + b".session.failed",
        failed("h" * 1000 + "..."),
    ),
    (
        b"refused.long,a=" + b"=" * 40_000 + b",b=1",
        other("refused.long", a="=" * 1000 + "...", b="1"),
    ),
]


def test_what_influxdb_refuses_takes_nothing_else_with_it(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    beside = failures("beside.example.com").encode()
    lines = [line + b":1|c" for line, _ in REFUSED]
    # In one packet where there is room.
    send(
        telegraf.port,
        [
            packet
            for line in lines
            for packet in ([line + b"\n" + beside] if len(line) < 1000 else [line, beside])
        ],
    )
    send(telegraf.port, [f"refused.many,{MANY}:1|c"])
    reader = database.reader()
    many: dict[str, str] = {}

    def seen() -> dict[Key, float]:
        found = {where: row["sum_value"] for where, row in stored(reader, start).items()}
        for where in [where for where in found if ("bucket", "refused.many") in where[1]]:
            many.update(where[1])
            found[other("refused.many")] = found.pop(where)
        return found

    expected: dict[Key, float] = {where: 1 for _, where in REFUSED}
    expected[other("refused.many")] = 1
    expected[failed("beside.example.com")] = len(REFUSED)
    wait_for_equal(seen, expected)
    # Of thousands of tags some are kept.
    assert {"t0000", "t0099", "bucket"} <= many.keys() and len(many) < 200
    found = losses(reader, telegraf.site, start)
    assert found and all(each.status is Status.OK for each in found), found


def test_tags_of_a_client_do_not_take_the_place_of_telegrafs(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    tags = "host=evil,metric_type=gauge,transport=tcp,bucket=b,hostname=evil,region=eu"
    bucket = "realm.tags.example.com.session.failed"
    send(telegraf.port, [f"{bucket}:1|c", f"{bucket},{tags}:2|c", f"{bucket},host=:4|c"])
    send(telegraf.port, [f"tags,{tags}:8|c", f"{bucket},host={HOST}:16|c"])
    send_tcp(telegraf.tcp_port, [f"{bucket},{tags}:32|c", f"{bucket}:64|c"])
    others = {
        "exported_host": "evil",
        "exported_bucket": "b",
        "exported_transport": "tcp",
        "region": "eu",
    }
    expected = {
        failed("tags.example.com"): 1,
        failed("tags.example.com", **others): 2,
        failed("tags.example.com", exported_host="_"): 4,
        other("tags", hostname="evil", **others): 8,
        failed("tags.example.com", exported_host=HOST): 16,
        failed("tags.example.com", transport="tcp", **others): 32,
        failed("tags.example.com", transport="tcp"): 64,
    }
    reader = database.reader()

    def seen() -> dict[Key, float]:
        return {where: row["sum_value"] for where, row in stored(reader, start).items()}

    wait_for_equal(seen, expected)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def ended(connection: socket.socket) -> bool:
    """Whether Telegraf has ended a connection; waits for it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@ENGINE_1
def test_connections_that_send_junk_or_break_leave_the_others_exact(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    line = failures("tcp.example.com").encode()
    bucket = line.partition(b":")[0]
    junk = [
        *(b"", b"\r", b":", b"|", b"\x00\x01:1|c", b"\xff\xfe\xfd", b"\xff.bucket:1|c"),
        *(bucket, bucket + b":", bucket + b":1", bucket + b":|c", bucket + b":x|c"),
        *(
            bucket + b":1|zz",
            bucket + b":+x|c",
            bucket + b":1e|c",
            b"GET / HTTP/1.1",
            b"x" * 60_000,
        ),
        *(bucket + b":-5|ms", bucket + b":+5|s", bucket + b"::1|c", bucket + b"|c:1"),
    ]
    expected = 0
    with connected(telegraf.tcp_port) as good:
        for each in junk:
            good.sendall(line + b"\n")
            with connected(telegraf.tcp_port) as bad:
                bad.sendall(each + b"\n" + line + b"\r\n" + each)
            expected += 2
        # A line that never ends: the connection does, and what is behind the line is lost with it.
        with connected(telegraf.tcp_port) as endless:
            endless.sendall(line + b"\n" + b"x" * 100_000 + b"\n" + line + b"\n")
            assert ended(endless)
        expected += 1
        # A connection that breaks in a line, closed and reset.
        for linger in (False, True):
            with connected(telegraf.tcp_port) as broken:
                broken.sendall(line + b"\n" + line[: len(line) - 2])
                time.sleep(0.2)
                if linger:
                    pair = struct.pack("ii", 1, 0)
                    broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pair)
            expected += 1
        # In pieces of one byte, and all at once.
        for number in range(len(line)):
            good.sendall(line[number : number + 1])
        good.sendall(b"\n" + (line + b"\n") * 1000)
        expected += 1001
    reader = database.reader()
    where = failed("tcp.example.com", transport="tcp")
    wait_for(lambda: sums(reader, start)(where) >= expected, "the good lines")
    time.sleep(1.5)
    assert sums(reader, start)(where) == expected
    # Nothing was made of the junk but what is a bucket.
    assert {
        dict(tags)["bucket"] for name, tags in stored(reader, start) if name == UNDOCUMENTED
    } == {"\x00\x01", "\ufffd.bucket"}


@ENGINE_1
def test_more_connections_than_are_allowed_are_refused_and_later_ones_are_not(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    allowed = telegraf.host.settings.telegraf_statsd_tcp_connections
    line = failures("many.example.com").encode() + b"\n"
    reader = database.reader()
    where = failed("many.example.com", transport="tcp")

    def connections() -> float | None:
        (answer,) = reader.ask(
            [f'SELECT last("tcp_current_connections") AS seen FROM "internal_statsd" {address}']
        )
        return answer.series[0].rows[0]["seen"] if answer.series else None

    address = f"WHERE \"address\" = '127.0.0.1:{telegraf.tcp_port}' AND time >= {start}ms"
    with ExitStack() as stack:
        opened = [stack.enter_context(connected(telegraf.tcp_port)) for _ in range(allowed)]
        for connection in opened:
            connection.sendall(line)
        wait_for(lambda: sums(reader, start)(where) == allowed, "a line of each connection")
        refused = [stack.enter_context(connected(telegraf.tcp_port)) for _ in range(50)]
        assert all(ended(connection) for connection in refused)
        for connection in opened:
            connection.sendall(line)
        wait_for(lambda: sums(reader, start)(where) == 2 * allowed, "another of each")
        wait_for(lambda: connections() == allowed, "the number of connections")
    wait_for(lambda: connections() == 0, "the end of all connections")
    send_tcp(telegraf.tcp_port, [failures("many.example.com")])
    wait_for(lambda: sums(reader, start)(where) == 2 * allowed + 1, "a line of a new connection")


# Times that are none and sample rates that make no sense: the count, and what is stored beside it.
TIMES: list[tuple[str, float | None, dict[str, float]]] = [
    ("0|ms", 1, {"last_mean": 0, "sum_sum": 0, "min_lower": 0, "max_upper": 0}),
    ("0.25|ms", 1, {"last_mean": 0.25, "sum_sum": 0.25, "min_lower": 0.25, "max_upper": 0.25}),
    # A negative one is no line at all.
    ("-5|ms", None, {}),
    ("x|ms", None, {}),
    # What a field cannot hold is left out, the others are kept.
    ("nan|ms", 1, {}),
    ("inf|ms", 1, {}),
    ("1e308|ms:1e308|ms", 2, {"last_mean": 1e308, "min_lower": 1e308, "max_upper": 1e308}),
    ("1e400|ms", None, {}),
    ("4|ms|@0.5", 2, {"last_mean": 4, "sum_sum": 8, "min_lower": 4, "max_upper": 4}),
    ("4|ms|@0", 1, {"last_mean": 4, "sum_sum": 4, "min_lower": 4, "max_upper": 4}),
    ("4|ms|@-0.5", 1, {"last_mean": 4, "sum_sum": 4, "min_lower": 4, "max_upper": 4}),
    ("4|ms|@x", 1, {"last_mean": 4, "sum_sum": 4, "min_lower": 4, "max_upper": 4}),
    ("4|ms|@", 1, {"last_mean": 4, "sum_sum": 4, "min_lower": 4, "max_upper": 4}),
    ("4|ms|#a,b", 1, {"last_mean": 4, "sum_sum": 4, "min_lower": 4, "max_upper": 4}),
]
COUNTS: list[tuple[str, float | None]] = [
    *(("4|c|@0.5", 8), ("4|c|@0", 4), ("4|c|@-0.5", -8), ("4|c|@2", 2), ("4|c|@x", 4)),
    *(("1e3|c", 1000), ("2.9|c", 2), ("-4|c", -4), ("+4|c", 4), ("x|c", None), ("|c", None)),
    *((f"{2**53}|c", 2**53), ("1|c:2|c:3|c", 6)),
]
# Whatever the member is: its number counts.
SETS: list[tuple[str, float | None]] = [
    *(("a|s", 1), ("|s", 1), ("a|s:b|s:a|s", 2), ("ü\x00|s", 1), ("nan|s|@0.1", 1)),
    *(("m" * 60_000 + "|s", 1), ("-1|s", None), ("+1|s", None)),
]


@ENGINE_1
def test_values_that_make_no_sense_spoil_no_other_series(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    lines: list[str] = []
    expected: dict[Key, dict[str, float]] = {}
    for number, (text, count, fields) in enumerate(TIMES):
        lines.append(f"clickhouse.sync.T{number}.total:{text}")
        where = key(
            "django_clickhouse_sync_total",
            metric_type="timing",
            prefix="clickhouse",
            model=f"T{number}",
        )
        if count is not None:
            expected[where] = {"sum_count": count, **fields}
    for number, (text, total) in enumerate(COUNTS):
        lines.append(f"realm.c{number}.session.failed:{text}")
        if total is not None:
            expected[failed(f"c{number}")] = {"sum_value": total}
    for number, (text, members) in enumerate(SETS):
        lines.append(f"set.{number}:{text}")
        if members is not None:
            where = key(UNDOCUMENTED, metric_type="set", bucket=f"set.{number}")
            expected[where] = {"last_value": members}
    beside = failures("values.example.com")
    send(telegraf.port, [packet for line in lines for packet in (line, beside)])
    expected[failed("values.example.com")] = {"sum_value": len(lines)}
    reader = database.reader()
    of_values = {"sum_value", "last_value", "count_value", "time"}

    def seen() -> dict[Key, dict[str, float]]:
        found = {}
        for where, row in stored(reader, start).items():
            kind = dict(where[1])["metric_type"]
            name = {"counter": "sum_value", "set": "last_value"}.get(kind)
            values = {name: row[name]} if name else {n: row[n] for n in row.keys() - of_values}
            found[where] = {n: value for n, value in values.items() if value is not None}
        return found

    wait_for_equal(seen, expected)


@ENGINE_1
@pytest.mark.xfail(strict=True, reason="Telegraf 1.39 ends: it has no percentile of no times")
def test_a_time_that_stands_for_none_leaves_telegraf_running(
    database: Database, telegraf: Telegraf
) -> None:
    send(telegraf.port, ["clickhouse.sync.None.total:4|ms|@2"])
    time.sleep(2.5)
    assert telegraf.program.process.poll() is None


@ENGINE_1
def test_a_flood_over_udp_takes_nothing_from_what_comes_over_tcp_or_before_or_after(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    beside = [failures("flood.example.com")] * 50
    send(telegraf.port, beside)
    junk = [
        *(b"flood.%d:1|c" % (number % 50) for number in range(40_000)),
        *(b"flood" for _ in range(5_000)),
        *(b"\xff\x00%d:%d|g" % (number % 50, number) for number in range(5_000)),
    ]
    with (
        connected(telegraf.tcp_port) as slow,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood,
    ):
        for number, packet in enumerate(junk):
            flood.sendto(packet, ("127.0.0.1", telegraf.port))
            if number % 500 == 0:
                slow.sendall(failures("flood.example.com").encode() + b"\n")
    wait_for(lambda: unread(telegraf.port) == 0, "the flood to be read")
    send(telegraf.port, beside)
    reader = database.reader()
    slowly = len(junk) // 500
    wait_for(
        lambda: sums(reader, start)(failed("flood.example.com")) == 100, "what was before and after"
    )
    wait_for(
        lambda: sums(reader, start)(failed("flood.example.com", transport="tcp")) == slowly,
        "what came beside it over TCP",
    )
    # What did not find room in the kernel's buffer never came to Telegraf, which counts the rest.
    packets = len(junk) + 2 * len(beside)
    wait_for(
        lambda: udp(reader, telegraf, start) == (packets - dropped_by_kernel(telegraf.port), 0),
        "the number of packets",
    )


def udp(reader: InfluxDB, telegraf: Telegraf, start: int) -> tuple[int, int]:
    """How many packets Telegraf says came to it, and how many of them it dropped."""
    (answer,) = reader.ask(
        [
            'SELECT last("udp_packets_received") AS received, last("udp_packets_dropped") AS lost '
            f'FROM "internal_statsd" WHERE "address" = \'127.0.0.1:{telegraf.port}\' '
            f"AND time >= {start}ms"
        ]
    )
    row = answer.series[0].rows[0] if answer.series else {"received": 0, "lost": 0}
    return row["received"], row["lost"]


@ENGINE_1
def test_packets_for_which_telegraf_has_no_room_are_counted_as_lost(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    send(telegraf.port, [failures("full.example.com")] * 10)
    reader = database.reader()
    before = failed("full.example.com")
    wait_for(lambda: sums(reader, start)(before) == 10, "what was before")
    # One time that stands for so many that Telegraf reads no other line for seconds.
    number, room = 104_000, 100_000
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"clickhouse.sync.Full.total:1|ms|@0.000000006", ("127.0.0.1", telegraf.port))
        for sent in range(number):
            sender.sendto(b"full:1|c", ("127.0.0.1", telegraf.port))
            while sent % 100 == 0 and unread(telegraf.port):
                time.sleep(0.0002)
    packets = number + 11 - dropped_by_kernel(telegraf.port)
    wait_for(lambda: udp(reader, telegraf, start)[0] == packets, "the number of packets", 60)
    lost = udp(reader, telegraf, start)[1]
    assert 0 < lost <= number - room
    wait_for(
        lambda: sums(reader, start)(other("full")) == packets - 11 - lost,
        "all but what is counted as lost",
        60,
    )
    assert sums(reader, start)(before) == 10
    (finding,) = (
        each
        for each in losses(reader, telegraf.site, start)
        if each.name == "internal_statsd.udp_packets_dropped"
    )
    assert finding.status is Status.WARNING and finding.detail.startswith(f"{lost} statsd packets")


@ENGINE_1
def test_packets_that_the_kernel_drops_are_counted(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    reader = database.reader()
    asked = f'SELECT last("UdpRcvbufErrors") AS "n" FROM "nstat" WHERE time >= {start}ms'

    def counted() -> int:
        (answer,) = reader.ask([asked])
        return int(answer.series[0].rows[0]["n"]) if answer.series else -1

    wait_for(lambda: counted() >= 0, "the kernel's count")
    before = counted()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(1000):
                sender.sendto(b"lost:1|c", deaf.getsockname())
        dropped = dropped_by_kernel(deaf.getsockname()[1])
    assert dropped > 900
    wait_for(lambda: counted() >= before + dropped, "what was dropped")


@ENGINE_1
def test_what_is_gathered_late_does_not_take_the_place_of_what_is_gathered_next(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    # Telegraf gathers at each full second, and now waits for a time that stands for very many.
    time.sleep((0.6 - time.time()) % 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"late:1|ms|@0.00000002", ("127.0.0.1", telegraf.port))
        for _ in range(100):
            sender.sendto(failures("late.example.com").encode(), ("127.0.0.1", telegraf.port))
            time.sleep(0.02)
    reader = database.reader()
    where = failed("late.example.com")
    wait_for(lambda: sums(reader, start)(where) == 100, "all counts")
    # What is gathered late says so; it would now and then have the time of what comes next.
    (answer,) = reader.ask(
        [f'SELECT "count" FROM "{UNDOCUMENTED}" WHERE "bucket" = \'late\' AND time >= {start}ms']
    )
    (late,) = [row["time"] % 1000 for row in answer.series[0].rows]
    assert late != 0


@ENGINE_1
def test_a_misspelt_bucket_is_told_and_its_documented_twin_was_never_seen(
    database: Database, telegraf: Telegraf, start: int
) -> None:
    misspelt = "realm.twin.example.com.client.unsyncible"
    send(telegraf.port, [f"{misspelt}:1|c", failures("twin.example.com")])
    reader = database.reader()
    wait_for(lambda: sums(reader, start)(other(misspelt)) == 1, "the misspelt bucket")
    assert [(f.status, f.host, f.name) for f in strangers_seen(reader, telegraf.site, start)] == [
        (Status.WARNING, HOST, misspelt)
    ]
    found = {
        finding.name: finding
        for finding in metrics_seen(reader, telegraf.site, start, lambda time: f"at {time}")
        if finding.area is Area.METRIC and finding.host == HOST
    }
    twin = found["realm.<hostname>.client.unsyncable (counter)"]
    assert (twin.status, twin.detail) == (Status.UNSEEN, "never seen")
    other_one = found["realm.<hostname>.session.failed (counter)"]
    assert other_one.status is Status.OK and other_one.detail.startswith("last seen at ")
