"""What a real Telegraf makes of thousands of buckets and names is what the model in Python says."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision.catalog.buckets import Kind, Pattern, classify
from provision.catalog.model import UNDOCUMENTED, Catalog, Input, MetricType
from tests.integration.programs import (
    HOST,
    Database,
    Key,
    Telegraf,
    free_port,
    key,
    rendered_telegraf,
    send,
    shown,
    stored,
    wait_for,
    wait_for_equal,
)

ENGINE_1 = pytest.mark.parametrize("database", [1], indirect=True, ids=["engine-1"])
# Fixed, so that what fails once fails again.
SEED = 20261121
BUCKETS = 3200
PACKET = 1400
TYPES = {
    MetricType.COUNTER: "c",
    MetricType.GAUGE: "g",
    MetricType.TIMER: "ms",
    MetricType.SET: "s",
}
# What is in names beside letters, of which none means anything to statsd or to InfluxDB's protocol.
ODD = [
    *("ü", "日本", "~", "%41", "$HOME", "a=b", "{x}", "'", '"', "a;b", "(", "/", "#", "*", "?"),
    *("C\\x", "\\x", "x\\", "\x00", "\x7f"),
]
LABELS = [
    "eu-1",
    "example",
    "com",
    "localhost",
    "10",
    "a_b",
    "-",
    "_",
    "0",
    "X",
    "node-7",
    "x" * 63,
]

Documented = list[tuple[Pattern, str]]

# Buckets of which one pattern takes some from another, and a set; the shipped catalogs have none.
NESTED = """\
app: nested
title: Nested
description: Buckets that follow several patterns.
source: None
prefix: nested.<where>
placeholders:
  where: {description: Where, dotted: true, examples: [here], expected: 9}
  what: {description: What, examples: [thing], expected: 9}
  how: {description: How, examples: [well], expected: 9}
metrics:
  - {name: of.<what>.<how>, type: counter, unit: count, title: A, description: A}
  - {name: of.disk.<how>, type: counter, unit: count, title: B, description: B}
  - {name: of.disk.full, type: counter, unit: count, title: C, description: C}
  - {name: of.<what>.<how>, type: timer, unit: seconds, title: D, description: D, measurement: d}
  - {name: of.<what>.full, type: timer, unit: seconds, title: E, description: E, measurement: e}
  - {name: of.<what>, type: gauge, unit: count, title: F, description: F, measurement: f}
  - {name: disk.of.<what>, type: gauge, unit: count, title: G, description: G, measurement: g}
  - {name: of.<what>, type: set, unit: count, title: H, description: H, measurement: h}
  - {name: disk.of.full, type: set, unit: count, title: I, description: I, measurement: i}
"""


@pytest.fixture(scope="module")
def telegraf(
    database: Database, telegraf_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Telegraf]:
    directory = tmp_path_factory.mktemp("matching")
    (directory / "catalogs").mkdir()
    (directory / "catalogs" / "nested.yaml").write_text(NESTED)
    with rendered_telegraf(
        telegraf_binary,
        database,
        directory,
        apps=["realm", "django-clickhouse", "tinybird-jobs", "dataclay", "nested"],
        django_clickhouse_prefix=["clickhouse", "shop.clickhouse"],
        dataclay_targets=[{"url": f"127.0.0.1:{free_port()}", "service": "backend"}],
    ) as telegraf:
        yield telegraf
    expected = ("[inputs.http]", "use of closed network connection")
    assert telegraf.complaints(*expected) == []


@dataclass(frozen=True)
class Line:
    """What a process shows of a series, and where that is stored (no measurement: nowhere)."""

    type: str
    series: str
    value: float
    measurement: str | None
    tags: dict[str, str]

    @property
    def name(self) -> str:
        return self.series.partition("{")[0]


def line(type: str, series: str, value: float, stored: str | None = None, **tags: str) -> Line:  # noqa: A002
    """A line, and the tags that it is stored with beside those of its target."""
    return Line(type, series, value, stored, tags)


LOADED = "dataclay_loaded_objects"
MISSES = "dataclay_inmemory_misses_total"
SHOWN = [
    # What is documented.
    line("gauge", LOADED, 3, LOADED),
    line("counter", "dataclay_inmemory_hits_total", 4.5, "dataclay_inmemory_hits_total"),
    line("gauge", "dataclay_stored_objects", -5, "dataclay_stored_objects"),
    # Another type than the documented one is another metric.
    line("counter", "dataclay_inmemory_objects", 6, UNDOCUMENTED),
    # Of what says none the catalog knows it.
    line("untyped", MISSES, 7, MISSES, metric_type="counter"),
    line("untyped", "dataclay_inmemory_miss", 7.5, UNDOCUMENTED),
    # Nearly documented, and what is documented of statsd.
    line("gauge", "dataclay_loaded_object", 8, UNDOCUMENTED),
    line("gauge", "Dataclay_loaded_objects", 9, UNDOCUMENTED),
    line("gauge", "realm_connection_online", 10, UNDOCUMENTED),
    line("gauge", "prometheus:dataclay_loaded_objects", 11, UNDOCUMENTED),
    line("counter", "provision_probe", 12, UNDOCUMENTED),
    # What client libraries add, and what looks like it.
    line("gauge", "python_info", 1),
    line("gauge", "dataclay_inmemory_hits_created", 1),
    line("gauge", "push_time_seconds", 1),
    line("gauge", 'go_threads{metric_type="gauge"}', 1),
    line("gauge", "xpush_time_seconds", 13, UNDOCUMENTED),
    line("gauge", "push_time_seconds_", 14, UNDOCUMENTED),
    line("gauge", "xpython_info", 15, UNDOCUMENTED),
    line("gauge", "dataclay_created_x", 16, UNDOCUMENTED),
    # No number that InfluxDB could keep.
    line("gauge", "nan", float("nan")),
    line("gauge", "inf", float("inf")),
    line("gauge", 'dataclay_stored_objects{of="none"}', float("-inf")),
    # Labels of names that mean something further down.
    line("gauge", LOADED + '{host="evil"}', 20, LOADED, exported_host="evil"),
    line("gauge", LOADED + f'{{host="{HOST}"}}', 21, LOADED, exported_host=HOST),
    line("gauge", LOADED + '{metric_type="set"}', 22, LOADED, exported_metric_type="set"),
    line("gauge", LOADED + '{bucket="realm.x"}', 23, LOADED, exported_bucket="realm.x"),
    line("gauge", LOADED + '{time="5"}', 24, LOADED, exported_time="5"),
    line("gauge", LOADED + '{_field="value"}', 25, LOADED, exported__field="value"),
    line("gauge", LOADED + '{_measurement="cpu"}', 26, LOADED, exported__measurement="cpu"),
    line("gauge", LOADED + '{transport="tcp"}', 27, LOADED, exported_transport="tcp"),
    line("gauge", LOADED + '{url="/"}', 28, LOADED, exported_url="/"),
    # They tell series apart, as others do.
    line("counter", 'requests{url="/a"}', 30, UNDOCUMENTED, exported_url="/a"),
    line("counter", 'requests{url="/b"}', 31, UNDOCUMENTED, exported_url="/b"),
    line("counter", 'requests{time="1"}', 32, UNDOCUMENTED, exported_time="1"),
    line("counter", 'requests{time="2"}', 33, UNDOCUMENTED, exported_time="2"),
    # Texts that are anything.
    line("gauge", r'texts{a="C:\\x\"y\" z"}', 34, UNDOCUMENTED, a='C:\\x"y" z'),
    line("gauge", r'texts{a="C:\\"}', 35, UNDOCUMENTED, a="C:\\_"),
    line("gauge", 'texts{a="C:"}', 36, UNDOCUMENTED, a="C:"),
    line("gauge", r'texts{a="l\nm",b="a,b=c d"}', 37, UNDOCUMENTED, a=r"l\nm", b="a,b=c d"),
    line("gauge", 'texts{a="ü",b=""}', 38, UNDOCUMENTED, a="ü"),
    line("gauge", f'texts{{a="{"x" * 70_000}"}}', 39, UNDOCUMENTED, a="x" * 1000 + "..."),
    # A process may say itself who it is, as those that push do.
    line("gauge", LOADED + '{instance="i"}', 40, LOADED, instance="i"),
    line("gauge", LOADED + '{job="j",service="client"}', 41, LOADED, job="j", service="client"),
]


def test_each_name_and_label_that_is_shown_is_stored_as_what_it_is(
    database: Database, telegraf: Telegraf
) -> None:
    (target,) = telegraf.host.targets
    lines: list[str] = []
    expected: dict[Key, float] = {}
    for each in sorted(SHOWN, key=lambda each: each.name):
        header = f"# TYPE {each.name} {each.type}"
        # Each name has its type once.
        lines += [] if header in lines else [header]
        lines.append(f"{each.series} {each.value}")
        if each.measurement:
            tags = {**dict(target.labels), "metric_type": each.type, **each.tags}
            tags |= {"bucket": each.name} if each.measurement == UNDOCUMENTED else {}
            expected[key(each.measurement, **tags)] = each.value
    lines += [
        "# TYPE seconds histogram",
        'seconds_bucket{le="0.1"} 2',
        'seconds_bucket{le="+Inf"} 3',
        "seconds_sum 4.5",
        "seconds_count 3",
        "",
    ]
    start = int(time.time() * 1000) - 1
    reader = database.reader()
    histogram = key(UNDOCUMENTED, metric_type="untyped", bucket="seconds", **dict(target.labels))

    def seen() -> dict[Key, float]:
        found = stored(reader, start)
        return {where: row["last_value"] for where, row in found.items() if where != histogram}

    page = "\n".join(lines)
    with shown(lambda: page, int(target.url.split(":")[2].split("/")[0])):
        wait_for_equal(seen, expected)
        wait_for(lambda: stored(reader, start)[histogram]["sum_sum"] >= 9, "all of it again")
    wait_for_equal(seen, expected, 0)


def documented(catalogs: Sequence[Catalog]) -> dict[MetricType, Documented]:
    """What buckets of each type follow, and where they are stored."""
    found: dict[MetricType, Documented] = {kind: [] for kind in TYPES}
    for catalog in catalogs:
        for metric in catalog.metrics:
            found[metric.type] += [
                (p, catalog.measurement(metric)) for p in catalog.patterns(metric)
            ]
    return found


def kept(text: str) -> str:
    """What is stored of a text that a tag cannot hold as it is: very long, or `\\` at its end."""
    text = text if len(text.encode()) <= 1000 else text.encode()[:1000].decode() + "..."
    return f"{text}_" if text.endswith("\\") else text


class Buckets:
    """Buckets that follow documented patterns, and such as are nearly so."""

    def __init__(self, patterns: list[Pattern], seed: int) -> None:
        self.random = random.Random(seed)
        self.patterns = patterns
        self.words = sorted({s.text for p in patterns for s in p.segments if s.kind is Kind.FIXED})

    def label(self) -> str:
        """A segment for a placeholder: an ordinary one, an odd one or a documented word."""
        choice = self.random.choices(("new", "label", "word", "odd"), (5, 4, 3, 2))[0]
        if choice == "new":
            return f"n{self.random.randrange(10**6)}"
        return self.random.choice({"label": LABELS, "word": self.words, "odd": ODD}[choice])

    def filled(self, pattern: Pattern) -> list[str]:
        """The segments of a bucket that follows a pattern."""
        parts: list[str] = []
        for segment in pattern.segments:
            if segment.kind is Kind.FIXED:
                parts.append(segment.text)
            else:
                deep = self.random.choice((1, 1, 2, 3, 5, 12)) if segment.kind is Kind.DOTTED else 1
                parts += [self.label() for _ in range(deep)]
        return parts

    def changed(self, parts: list[str]) -> list[str]:
        """Segments that somebody got wrong."""
        pick = self.random.randrange
        place, other = pick(len(parts)), pick(len(parts))
        match pick(13):
            case 0:
                return parts[:place] + parts[place + 1 :]
            case 1:
                return [*parts[:place], parts[place], *parts[place:]]
            case 2:
                parts[place], parts[other] = parts[other], parts[place]
                return parts
            case 3:
                return [*parts[:place], "", *parts[place:]]
            case 4:
                return [*parts[:place], self.random.choice(self.words), *parts[place + 1 :]]
            case 5:
                return [*parts[:place], parts[place].swapcase(), *parts[place + 1 :]]
            case 6:
                return [*parts, *[""] * self.random.choice((1, 1, 2))]
            case 7:
                return [*[""] * self.random.choice((1, 1, 2)), *parts]
            case 8:
                return [*parts, self.label()]
            case 9:
                return [self.label(), *parts]
            case 10:
                return parts[:place] + self.filled(self.random.choice(self.patterns))[other:]
            case 11:
                return ["_".join(parts)]
            case _:
                text = parts[place]
                at = pick(len(text)) if text else 0
                return [*parts[:place], text[:at] + text[at + 1 :], *parts[place + 1 :]]

    def take(self, number: int) -> list[str]:
        """That many, all different; each pattern several times as it is documented."""
        found: dict[str, None] = {}
        while len(found) < number:
            pattern = self.patterns[len(found) % len(self.patterns)]
            parts = self.filled(pattern)
            for _ in range(self.random.choice((0, 0, 0, 1, 1, 2))):
                if parts:
                    parts = self.changed(parts)
            # statsd has no bucket without a name.
            if bucket := ".".join(parts):
                found[bucket] = None
        return list(found)


def packets(lines: list[str]) -> list[str]:
    """Lines in as few datagrams as clients make of them."""
    found: list[str] = []
    for line in lines:
        if found and len(found[-1].encode()) + len(line.encode()) < PACKET:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


@ENGINE_1
def test_each_of_thousands_of_buckets_is_where_the_model_says(
    database: Database, telegraf: Telegraf
) -> None:
    start = int(time.time() * 1000) - 1
    patterns = documented(telegraf.host.catalogs_of(Input.STATSD))
    every = list(dict.fromkeys(p for rows in patterns.values() for p, _ in rows))
    lines: list[str] = []
    expected: dict[Key, float] = {}
    followed: Counter[Pattern | None] = Counter()
    for number, bucket in enumerate(Buckets(every, SEED).take(BUCKETS), 1):
        for kind, mark in TYPES.items():
            lines.append(f"{bucket}:{number}|{mark}")
            rows = [(pattern, (pattern, name)) for pattern, name in patterns[kind]]
            classified = classify(bucket, rows)
            if classified:
                (pattern, measurement), tags = classified
                followed[pattern] += 1
            else:
                measurement, tags = UNDOCUMENTED, {"bucket": bucket}
                followed[None] += 1
            tags = {name: kept(text) for name, text in tags.items()}
            where = key(measurement, metric_type=kind.telegraf, **tags)
            assert where not in expected, f"{bucket} is stored as another one"
            expected[where] = 1 if kind is MetricType.SET else number
    # Neither all right nor all wrong: otherwise nothing is compared.
    assert all(followed[pattern] >= 5 for pattern in every)
    assert followed.total() - followed[None] > BUCKETS / 2
    send(telegraf.port, packets(lines))
    reader = database.reader()
    places = sorted({(name, dict(tags)["metric_type"]) for name, tags in expected})
    found: dict[Key, float] = {}

    def all_there() -> bool:
        """Read each series; that many are not asked about at once, nor with GROUP BY *."""
        found.clear()
        for name, kind in places:
            (answer,) = reader.ask(
                [f'SELECT * FROM "{name}" WHERE "metric_type" = \'{kind}\' AND time >= {start}ms']
            )
            assert answer.error is None, answer.error
            for row in (row for series in answer.series for row in series.rows):
                tags = {tag: text for tag, text in row.items() if isinstance(text, str)}
                assert tags.pop("host") == HOST
                value = row.get("value")
                found[key(name, **tags)] = row["mean"] if value is None else value
        return len(found) >= len(expected)

    # One interval, and the time to write it.
    time.sleep(2)
    wait_for(all_there, "all of the buckets")
    wrong = {where: (found.get(where), value) for where, value in expected.items()}
    assert {where: pair for where, pair in wrong.items() if pair[0] != pair[1]} == {}
    assert found.keys() - expected.keys() == set()
