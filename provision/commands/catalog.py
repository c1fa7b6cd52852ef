"""`provision catalog list`, `show`, `docs`, `schema`: what is documented of which application."""

from __future__ import annotations

import json
from pathlib import Path

from provision.catalog.load import load_catalogs, unknown_app
from provision.catalog.model import Catalog, MetricType
from provision.catalog.reference import anchor, reference
from provision.catalog.schema import schema
from provision.catalog.series import series, totals
from provision.errors import EXIT_OK, ProvisionError
from provision.output import show_table, shown, table
from provision.paths import CATALOGS_DIRECTORY


def list_catalogs(*, catalogs: Path | None, as_json: bool) -> int:
    """The known applications, with the number of their metrics."""
    known = load_catalogs(catalogs or own_directory())
    if as_json:
        rows = [
            {"app": app, "title": c.title, "input": c.input, "metrics": len(c.metrics)}
            for app, c in known.items()
        ]
        print(json.dumps({"applications": rows}, indent=2))  # noqa: T201
        return EXIT_OK
    listing = table("application", "metrics", "input", "title")
    for app, catalog in known.items():
        listing.add_row(app, str(len(catalog.metrics)), catalog.input, shown(catalog.title))
    show_table(listing)
    return EXIT_OK


def show_catalog(*, app: str, catalogs: Path | None, as_json: bool) -> int:
    """The metrics of one application. Raises ProvisionError where it has no catalog."""
    catalog = known_catalog(app, catalogs)
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


def show_reference(*, app: str, catalogs: Path | None) -> int:
    """The page of reference of one application, in Markdown."""
    print(reference(known_catalog(app, catalogs)), end="")  # noqa: T201
    return EXIT_OK


def show_schema() -> int:
    """The JSON Schema that editors check catalogs by."""
    print(json.dumps(schema(), indent=2))  # noqa: T201
    return EXIT_OK


def known_catalog(app: str, catalogs: Path | None) -> Catalog:
    """The catalog of an application. Raises ProvisionError where it has none."""
    known = load_catalogs(catalogs or own_directory())
    if app not in known:
        raise ProvisionError(
            unknown_app(app, known),
            remedy="your own are looked for in catalogs/ here; name another folder with --catalogs",
        )
    return known[app]


def own_directory() -> Path | None:
    """Where one's own catalogs are, if there are some; a repository of them has no inventory."""
    directory = Path(CATALOGS_DIRECTORY)
    return directory if directory.is_dir() else None


def as_data(catalog: Catalog) -> dict[str, object]:
    """A catalog for programs: what the file says, with what follows from it worked out."""
    data = catalog.model_dump(mode="json", exclude_none=True)
    data["metrics"] = [
        {
            **metric.model_dump(
                mode="json",
                exclude_none=True,
                exclude=None if metric.type is MetricType.TIMER else {"percentiles"},
            ),
            "bucket": catalog.bucket(metric),
            "measurement": catalog.measurement(metric),
            "tags": list(catalog.tags(metric)),
            "fields": list(catalog.fields(metric)),
            "series": series(catalog, metric),
            "totals": dict(totals(catalog, metric)),
            "anchor": anchor(catalog, metric),
        }
        for metric in catalog.metrics
    ]
    return data
