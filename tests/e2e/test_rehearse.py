"""The main job for real: from bare hosts to a table of what arrived, and nothing left of it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.operating import PROVISION, execute
from tests.e2e.rehearsing import assert_is_of, rehearse


def test_from_bare_hosts_to_every_panel(own_cache: Path) -> None:
    assert_is_of(rehearse(own_cache, "--engine", "1"), "influxdb")


def test_a_required_grafana_that_is_nowhere_is_an_error(own_cache: Path) -> None:
    directory = own_cache / "rehearsals" / "rehearsal"
    done = execute(
        *PROVISION,
        *("rehearse", "--engine", "1", "--require", "grafana"),
        changes={"XDG_CACHE_HOME": str(own_cache.parent)},
    )
    assert done.status == 1
    assert "no Grafana package was found" in done.err and "--packages" in done.err
    assert not directory.exists()
