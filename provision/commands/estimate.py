"""`provision estimate`: what a site asks of its InfluxDB, without contacting anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from provision.errors import EXIT_OK, ProvisionError
from provision.estimate import BYTES_A_POINT, DAY, SIZES, Load, loads, size_for
from provision.fleet.reading import read_fleet
from provision.output import err, note, out, table
from provision.run.standing import size

PER = 1000


def estimate(*, options: Sequence[str], form: str, bytes_a_point: float | None) -> int:
    """Print series, points a second, bytes a day and queries a second of each application.

    For the site as it is, and for a thousand hosts with the application; and what machine InfluxDB
    wants for it, or that one InfluxDB may not be enough.
    """
    fleet = read_fleet(options)
    found = loads(fleet.site, fleet.inventory.limited)
    if not found:
        raise ProvisionError(
            "no worker is left to estimate", remedy="see --limit and the inventory"
        )
    # How long others keep it is theirs to say.
    days = 0 if fleet.site.external else fleet.site.retention_seconds / DAY
    told = _Told(bytes_a_point or BYTES_A_POINT, days)
    if form == "json":
        print(json.dumps(told.as_data(found), indent=1))  # noqa: T201
        _say_size(found)
        return EXIT_OK
    told.show("this site", found)
    told.show("per 1,000 hosts", [load.for_hosts(PER) for load in found])
    note(
        "points and bytes are the most: of what an application does not send, none is written, and "
        "numbers that are steady compress to less; "
        "queries are those of one person who looks at the dashboard as it opens"
    )
    _say_size(found)
    return EXIT_OK


@dataclass(frozen=True)
class _Told:
    """How loads are told: with so many bytes a point, kept for so many days.

    0 days are for ever, or for as long as others say.
    """

    bytes_a_point: float
    days: float

    def as_data(self, found: Sequence[Load]) -> dict[str, object]:
        """The outcome for programs."""
        machine = size_for(found)
        return {
            "site": [self._row(load) for load in found],
            "per_1000_hosts": [self._row(load.for_hosts(PER)) for load in found],
            "together": self._numbers(found),
            "machine": {"cores": machine.cores, "memory": machine.memory} if machine else None,
        }

    def _row(self, load: Load) -> dict[str, object]:
        queries = {"queries": round(load.queries, 2)}
        return {"app": load.app, "hosts": load.hosts, **self._numbers([load]), **queries}

    def _numbers(self, found: Sequence[Load]) -> dict[str, object]:
        day = sum(load.bytes_a_day(self.bytes_a_point) for load in found)
        return {
            "series": sum(load.series for load in found),
            "points": round(sum(load.points for load in found), 1),
            "bytes_a_day": round(day),
            "bytes_kept": round(day * self.days) if self.days else None,
        }

    def show(self, title: str, found: Sequence[Load]) -> None:
        """The same for people."""
        kept = [f"in {self.days:g} d"] if self.days else []
        headings = ("application", "hosts", "series", "points/s", "a day", *kept, "queries/s")
        made = table(*headings, title=title)
        for load in found:
            made.add_row(load.app, f"{load.hosts:,}", *self._cells([load]), f"{load.queries:.1f}")
        made.add_row("together", "", *self._cells(found), "")
        out.print(made)

    def _cells(self, found: Sequence[Load]) -> list[str]:
        day = sum(load.bytes_a_day(self.bytes_a_point) for load in found)
        return [
            f"{sum(load.series for load in found):,}",
            f"{sum(load.points for load in found):,.1f}",
            size(round(day)),
            *([size(round(day * self.days))] if self.days else []),
        ]


def _say_size(found: Sequence[Load]) -> None:
    machine = size_for(found)
    if machine is not None:
        said = f"{machine.cores} cores, {machine.memory} of memory"
        note(f"InfluxDB's guidelines for such a load: {said}")
        return
    most, largest = SIZES[-1], max(found, key=lambda load: load.series)
    share = largest.series / sum(load.series for load in found)
    err.print(
        f"[yellow]warning:[/yellow] one InfluxDB may not bear this: its guidelines end at "
        f"{most.points:,} points a second and {most.series:,} series; {share:.0%} of these series "
        f"are {largest.app}'s"
    )
    err.print(
        "[yellow]remedy:[/yellow] divide the hosts among several InfluxDBs, or use a cluster "
        "(docs/fleets.md); "
        f"see whether as many hosts send {largest.app}'s metrics, with as many values of "
        "placeholders as the catalog expects (provision catalog show "
        f"{largest.app}, docs/catalogs.md)"
    )
