"""`provision dashboards generate`: dashboards that any Grafana can import."""

from __future__ import annotations

from pathlib import Path

from provision.catalog.load import load_catalogs
from provision.commands.catalog import own_directory
from provision.dashboards.render import importable_dashboards
from provision.errors import EXIT_OK, ProvisionError
from provision.output import out, shown


def generate(*, output: Path, catalogs: Path | None) -> int:
    """Write `<output>/<app>.json` for each catalog, built in or a site's own, and an overview."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        every = load_catalogs(catalogs or own_directory())
        for name, text in importable_dashboards([every[app] for app in sorted(every)]).items():
            path = output / f"{name}.json"
            path.write_text(text, encoding="utf-8")
            out.print(shown(path))
    except OSError as error:
        # A disk that is full names no file.
        raise ProvisionError(f"{error.filename or output}: {error.strerror}") from error
    return EXIT_OK
