"""The command line of `provision catalog`: parses and dispatches, nothing else."""

from __future__ import annotations

from pathlib import Path

import click

from provision.options import CATALOGS, FORMAT


@click.group()
def catalog() -> None:
    """What applications document of their metrics."""


@catalog.command("list")
@CATALOGS
@FORMAT
def list_(catalogs: Path | None, form: str) -> int:
    """The known applications."""
    from provision.commands import catalog as command

    return command.list_catalogs(catalogs=catalogs, as_json=form == "json")


@catalog.command()
@click.argument("app")
@CATALOGS
@FORMAT
def show(app: str, catalogs: Path | None, form: str) -> int:
    """The metrics of one application."""
    from provision.commands import catalog as command

    return command.show_catalog(app=app, catalogs=catalogs, as_json=form == "json")


@catalog.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE...]")
@CATALOGS
@FORMAT
def check(files: tuple[Path, ...], catalogs: Path | None, form: str) -> int:
    """Say what is wrong with catalogs, and why.

    Each is looked at by itself, and all of them as they would stand on one host. Without a FILE:
    the built-in ones and your own.
    """
    from provision.commands import catalog_check as command

    return command.check(files=files, catalogs=catalogs, as_json=form == "json")


@catalog.command()
@click.argument("app")
@CATALOGS
def docs(app: str, catalogs: Path | None) -> int:
    """A page of reference of one application, in Markdown."""
    from provision.commands import catalog as command

    return command.show_reference(app=app, catalogs=catalogs)


@catalog.command()
def schema() -> int:
    """The JSON Schema of catalogs, for editors."""
    from provision.commands import catalog as command

    return command.show_schema()
