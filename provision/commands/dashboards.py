"""`provision dashboards generate`: dashboards that any Grafana can import."""

from __future__ import annotations

from pathlib import Path

from provision.catalog.load import load_catalogs
from provision.dashboards.build import importable_dashboard
from provision.errors import EXIT_OK, ProvisionError
from provision.output import out, shown


def generate(*, output: Path, catalogs: Path | None) -> int:
    """Write `<output>/<app>.json` for each catalog, built in or of a site's own directory."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        for app, catalog in sorted(load_catalogs(catalogs).items()):
            path = output / f"{app}.json"
            path.write_text(importable_dashboard(catalog), encoding="utf-8")
            out.print(shown(path))
    except OSError as error:
        raise ProvisionError(f"{error.filename}: {error.strerror}") from error
    return EXIT_OK
