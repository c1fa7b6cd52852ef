"""The command line of `provision dashboards`: parses and dispatches, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from provision.grafana_options import GRAFANA_OPTIONS, connect, secret
from provision.options import CATALOGS, ENGINE, FORMAT, PACKAGES, with_options

_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_BACKUPS = click.option(
    "--backups",
    type=_DIRECTORY,
    default=Path("grafana-backups"),
    show_default=True,
    help="Where to keep what is replaced or removed, as DIR/HOST/UID-vVERSION-TIME.json.",
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would be done; do nothing.")
_APPS = click.argument("apps", nargs=-1, metavar="[APP...]")
_NAMES = tuple(names[-1].lstrip("-").replace("-", "_") for names, _ in GRAFANA_OPTIONS)


def _login(options: dict[str, Any]) -> dict[str, Any]:
    """The options that say which Grafana, taken out of all."""
    return {name: options.pop(name) for name in _NAMES}


@click.group()
def dashboards() -> None:
    """Dashboards for a Grafana of any kind."""


@dashboards.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("dashboards"), show_default=True
)
@CATALOGS
def generate(output: Path, catalogs: Path | None) -> int:
    """Write dashboards that any Grafana can import."""
    from provision.commands import dashboards as command

    return command.generate(output=output, catalogs=catalogs)


@dashboards.command("import")
@with_options(GRAFANA_OPTIONS)
@click.option(
    "--folder",
    help="Title or uid; made where it is missing. Without it new dashboards go to `provision`, and"
    " others stay where they are.",
)
@click.option("--datasource", metavar="UID_OR_NAME", help="Needed where several would do.")
@click.option("--create-datasource", is_flag=True, help="Make one, of an InfluxDB that you name:")
@click.option("--influxdb-url", metavar="URL", help="its address, as Grafana reaches it;")
@click.option("--database", help="its database (1.x) or bucket;")
@click.option(
    "--influxdb-token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="a file with a token that can read (or: INFLUXDB_TOKEN);",
)
@click.option("--influxdb-user", default="grafana", show_default=True, help="1.x: its user,")
@click.option(
    "--influxdb-password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="1.x: a file with the password (or: INFLUXDB_PASSWORD).",
)
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Import this file (of an export or a backup), and no catalogs.",
)
@click.option("--overwrite", is_flag=True, help="Replace what people have changed, too.")
@_DRY_RUN
@_BACKUPS
@CATALOGS
@_APPS
def import_(apps: tuple[str, ...], **options: Any) -> int:
    """Put the dashboards into a running Grafana: what is new or changed, and nothing else.

    What people changed there is shown and left alone, unless --overwrite says otherwise; the exit
    status is then 1. What is replaced is kept in a file. APP is an application or `overview`.
    """
    login = _login(options)
    if apps and options["files"]:
        raise click.UsageError("--file imports files, and no applications")
    create = _wanted(options)
    from provision.commands import dashboards_import as command

    return command.import_(grafana=connect(**login), apps=apps, create=create, **options)


def _wanted(options: dict[str, Any]) -> Any:
    """The datasource that is to be made, None where none is; its options are taken out."""
    make, url, database = (
        options.pop(name) for name in ("create_datasource", "influxdb_url", "database")
    )
    token_file, user, password_file = (
        options.pop(f"influxdb_{name}") for name in ("token_file", "user", "password_file")
    )
    if not make:
        if url or database or token_file or password_file:
            raise click.UsageError("--influxdb-… and --database go with --create-datasource")
        return None
    if options["datasource"]:
        raise click.UsageError("--datasource takes one that is there; or --create-datasource")
    if not url or not database:
        raise click.UsageError("--create-datasource goes with --influxdb-url and --database")
    from provision.dashboards.exchange.datasource import Wanted

    token = None if password_file else secret("INFLUXDB_TOKEN", token_file)
    password = None if token else secret("INFLUXDB_PASSWORD", password_file)
    if token is None and password is None:
        raise click.UsageError(
            "--create-datasource needs a token (INFLUXDB_TOKEN, --influxdb-token-file)"
            " or, for InfluxDB 1, a password (INFLUXDB_PASSWORD, --influxdb-password-file)"
        )
    return Wanted(url, database, token, user, password)


@dashboards.command()
@with_options(GRAFANA_OPTIONS)
@click.option("--output", type=_DIRECTORY, required=True, help="The directory for the files.")
@click.option("--all", "everything", is_flag=True, help="Every dashboard that this Grafana has.")
@CATALOGS
@click.argument("names", nargs=-1, metavar="[APP|UID...]")
def export(names: tuple[str, ...], **options: Any) -> int:
    """Write what a running Grafana has to files that any Grafana can import.

    With all that people changed in the browser; which are otherwise than generated is told.
    """
    if names and options["everything"]:
        raise click.UsageError("--all is all of them")
    login = _login(options)
    from provision.commands import dashboards_export as command

    return command.export(grafana=connect(**login), names=names, **options)


@dashboards.command()
@with_options(GRAFANA_OPTIONS)
@FORMAT
@CATALOGS
@_APPS
def diff(apps: tuple[str, ...], form: str, **options: Any) -> int:
    """Say what a running Grafana has otherwise than it would be generated, panel by panel.

    Each change is told from what is generated → what is there. The exit status is 0 where all is
    the same, and 1 where anything differs or is missing.
    """
    login = _login(options)
    from provision.commands import dashboards_diff as command

    return command.diff(grafana=connect(**login), apps=apps, as_json=form == "json", **options)


@dashboards.command()
@with_options(GRAFANA_OPTIONS)
@click.option("--changed", is_flag=True, help="Those that people have changed, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_DRY_RUN
@_BACKUPS
@CATALOGS
@_APPS
def prune(apps: tuple[str, ...], **options: Any) -> int:
    """Remove dashboards that provision wrote and whose catalog is gone; those of people never.

    Run it where the catalogs of the site are: without them, their dashboards look forsaken, and so
    do those of another site in the same Grafana. APP names the applications that are gone.
    """
    login = _login(options)
    from provision.commands import dashboards_prune as command

    return command.prune(grafana=connect(**login), apps=apps, **options)


@dashboards.command()
@click.option(
    "--output", type=_DIRECTORY, default=Path("previews"), show_default=True, help="For pictures."
)
@ENGINE
@PACKAGES
@click.option("-i", "--inventory", type=click.Path(path_type=Path), help="Preview this site.")
@click.option("--for", "span", default="10m", show_default=True, help="How long to send before.")
@click.option(
    "--width",
    "widths",
    multiple=True,
    type=click.IntRange(640, 7680),
    help="In pixels.",
    default=[1280, 1920],
    show_default=True,
)
@click.option(
    "--theme",
    "themes",
    multiple=True,
    type=click.Choice(["light", "dark"]),
    default=["light", "dark"],
    show_default=True,
)
def preview(engine: str | None, **options: Any) -> int:
    """Take pictures of the dashboards on throwaway hosts whose applications send.

    It takes a Grafana package, Chromium, and Playwright (pip install playwright).
    """
    from provision.commands import dashboards_preview as command

    number: Any = None if engine is None else int(engine)
    return command.preview(engine=number, **options)


@dashboards.command("check")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@CATALOGS
@click.option(
    "--exclusions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What is so on purpose, with reasons (by default .dashboard-lint.yml beside a FILE).",
)
@FORMAT
def check(
    files: tuple[Path, ...], catalogs: Path | None, exclusions: Path | None, form: str
) -> int:
    """Say what is wrong with dashboards, and why: any of Grafana's that ask in InfluxQL.

    Each is held against the catalog of its application, if its tags are `provision` and an
    application. A directory stands for the *.json in it.
    """
    from provision.commands import dashboards_check as command

    return command.check(
        files=files, catalogs=catalogs, exclusions=exclusions, as_json=form == "json"
    )
