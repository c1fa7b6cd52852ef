"""`provision estimate`: what a site asks of its InfluxDB, without contacting anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from provision.errors import EXIT_OK
from provision.estimate import BYTES_A_POINT, SIZES, Load, loads, size_for
from provision.fleet import read_fleet
from provision.output import err, note, out, table

PER = 1000


def estimate(*, options: Sequence[str], form: str, bytes_a_point: float | None) -> int:
    """Print series, points a second, bytes a day and queries a second of each application.

    For the site as it is, and for a thousand hosts with the application; and what machine InfluxDB
    wants for it, or that one InfluxDB may not be enough.
    """
    each = bytes_a_point or BYTES_A_POINT
    fleet = read_fleet(options)
    found = loads(fleet.site, fleet.inventory.limited)
    if form == "json":
        rows = [
            asdict(load) | {"bytes_a_day": round(load.bytes_a_day(each))}
            for load in (*found, *(load.for_hosts(PER) for load in found))
        ]
        print(json.dumps(rows, indent=1))  # noqa: T201
        _say_size(found)
        return EXIT_OK
    _show("this site", found, each)
    _show("per 1,000 hosts", [load.for_hosts(PER) for load in found], each)
    note(
        "points and bytes are the most: of what an application does not send, none is written, and "
        "numbers that are steady compress to less; "
        "queries are those of one person who looks at the dashboard"
    )
    _say_size(found)
    return EXIT_OK


def _say_size(found: Sequence[Load]) -> None:
    size = size_for(found)
    if size is not None:
        note(f"InfluxDB's guidelines for such a load: {size.cores} cores, {size.memory} of memory")
        return
    most = SIZES[-1]
    err.print(
        f"[yellow]warning:[/yellow] one InfluxDB may not bear this: its guidelines end at "
        f"{most.points:,} points a second and {most.series:,} series"
    )
    err.print(
        "[yellow]remedy:[/yellow] divide the hosts among several InfluxDBs, or use a cluster "
        "(docs/fleets.md); "
        "have the catalogs expect fewer values of tags, if that is more than there are"
    )


def _show(title: str, found: Sequence[Load], each: float) -> None:
    made = table(
        *("application", "hosts", "series", "points/s", "MB/day", "queries/s"), title=title
    )
    for load in found:
        made.add_row(
            load.app,
            f"{load.hosts:,}",
            f"{load.series:,}",
            f"{load.points:,.1f}",
            f"{load.bytes_a_day(each) / 1e6:,.1f}",
            f"{load.queries:.1f}",
        )
    made.add_row(
        "together",
        "",
        f"{sum(load.series for load in found):,}",
        f"{sum(load.points for load in found):,.1f}",
        f"{sum(load.bytes_a_day(each) for load in found) / 1e6:,.1f}",
        "",
    )
    out.print(made)
