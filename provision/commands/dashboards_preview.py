"""`provision dashboards preview`: pictures of the dashboards on a rehearsal's data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from provision.credentials import ADMIN
from provision.dashboards.fleet import all_dashboards
from provision.dashboards.pictures import Picture, find_browser, take_pictures
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.fleet.applying import apply
from provision.output import out, shown
from provision.paths import cache
from provision.rehearsal.everyday import an_interval
from provision.rehearsal.progress import Progress, progress
from provision.rehearsal.send import send_traffic
from provision.rehearsal.stage import Engine, Stage, required, set_stage
from provision.run.plan import plan_of
from provision.run.plan_view import show_plan
from provision.run.view import RunView
from provision.services import admin_password
from provision.traffic import documented_traffic
from provision.values import seconds

NAME = "preview"
# How often applications send; Telegraf gathers every 10 s.
_PAUSE = 5


def preview(
    *,
    output: Path,
    engine: Engine | None,
    packages: Path | None,
    inventory: Path | None,
    span: str,
    widths: Sequence[int],
    themes: Sequence[str],
) -> int:
    """Boot hosts, provision them, let their applications send for a span, take pictures.

    Returns the exit status: 0 only where every panel of every dashboard was shown without an error.
    """
    lasting = _seconds(span)
    find_browser()  # before everything that takes long
    steps = progress()
    stage = set_stage(
        name=NAME,
        engine=engine,
        inventory=inventory,
        folder=packages,
        cache=cache(),
        progress=steps,
    )
    with stage.rehearsal:
        required(stage.source, ["grafana"])
        view = RunView()
        started = time.monotonic()
        result = apply(stage.fleet, check=False, verbose=False, view=view)
        show_plan(plan_of(result), check=False, diff=False, seconds=time.monotonic() - started)
        if not result.ok:
            raise ProvisionError("the hosts of the preview could not be provisioned")
        play(stage, steps, lasting)
        with steps.step("taking pictures"):
            pictures = take_pictures(
                stage.fleet.site.grafana_url,
                (ADMIN, admin_password(stage.fleet)),
                list(all_dashboards(stage.fleet.site.catalogs).values()),
                output,
                widths=widths,
                themes=themes,
                span=f"{lasting}s",
            )
    return show_pictures(pictures)


def play(stage: Stage, steps: Progress, lasting: float) -> None:
    """Let the applications of all workers send as on an ordinary day, for so many seconds."""
    # Always the same day, so that two pictures can be compared.
    random = Random(1)  # noqa: S311 - no secret
    traffic = [(host, documented_traffic(host.applications)) for host in stage.fleet.site.workers]
    started = time.monotonic()
    with steps.step(f"{lasting:.0f} s of an ordinary day"):
        while (elapsed := time.monotonic() - started) < lasting:
            for host, documented in traffic:
                send_traffic(stage.rehearsal, host, an_interval(documented, random, elapsed))
            time.sleep(_PAUSE)


def show_pictures(pictures: Sequence[Picture]) -> int:
    """Say where the pictures are and what is wrong on them; the exit status."""
    for picture in pictures:
        out.print(shown(picture.path))
        for fault in picture.faults:
            out.print(f"  [red]{shown(fault)}[/red]")
    return EXIT_ERROR if any(picture.faults for picture in pictures) else EXIT_OK


def _seconds(span: str) -> int:
    try:
        lasting = seconds(span)
    except ValueError as error:
        raise ProvisionError(f"--for {span!r}: {error}") from error
    if lasting < 60:
        raise ProvisionError(f"--for {span!r}: too short", remedy="rates take a minute or more")
    return lasting
