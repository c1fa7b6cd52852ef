"""`provision catalog`: what is documented of which application."""

from __future__ import annotations

import json
from pathlib import Path

from provision.catalog.load import load_catalogs, unknown_app
from provision.catalog.model import Catalog
from provision.errors import EXIT_OK, ProvisionError
from provision.output import show_table, shown, table


def list_catalogs(*, catalogs: Path | None, as_json: bool) -> int:
    """The known applications, with the number of their metrics."""
    known = load_catalogs(catalogs)
    if as_json:
        rows = [
            {"app": app, "title": c.title, "metrics": len(c.metrics)} for app, c in known.items()
        ]
        print(json.dumps({"applications": rows}, indent=2))  # noqa: T201
        return EXIT_OK
    listing = table("application", "metrics", "title")
    for app, catalog in known.items():
        listing.add_row(app, str(len(catalog.metrics)), shown(catalog.title))
    show_table(listing)
    return EXIT_OK


def show_catalog(*, app: str, catalogs: Path | None, as_json: bool) -> int:
    """The metrics of one application. Raises ProvisionError where it has no catalog."""
    known = load_catalogs(catalogs)
    if app not in known:
        raise ProvisionError(unknown_app(app, known))
    catalog = known[app]
    if as_json:
        print(json.dumps(as_data(catalog), indent=2, ensure_ascii=False))  # noqa: T201
        return EXIT_OK
    listing = table(
        "bucket", "type", "unit", "stored as", "description", title=shown(catalog.title)
    )
    for metric in catalog.metrics:
        listing.add_row(
            shown(catalog.bucket(metric)),
            metric.type,
            metric.unit,
            catalog.measurement(metric),
            shown(metric.description),
        )
    show_table(listing)
    return EXIT_OK


def as_data(catalog: Catalog) -> dict[str, object]:
    """A catalog for programs: what the file says, with buckets and measurements worked out."""
    data = catalog.model_dump(mode="json", exclude_none=True)
    data["metrics"] = [
        {
            **metric.model_dump(mode="json", exclude_none=True),
            "bucket": catalog.bucket(metric),
            "measurement": catalog.measurement(metric),
            "tags": list(catalog.tags(metric)),
        }
        for metric in catalog.metrics
    ]
    return data
