"""The command line: parses and dispatches, nothing else.

Each command imports what it needs when it is called, so that help and completion come at once.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click

from provision import __version__
from provision.cli_catalog import catalog
from provision.cli_dashboards import dashboards
from provision.errors import (
    EXIT_BUG,
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    ProvisionError,
)
from provision.garbage import collect_seldom
from provision.options import (
    BATCH_OPTIONS,
    ENGINE,
    FORMAT,
    INVENTORY_OPTIONS,
    LISTS,
    PACKAGES,
    RUN_OPTIONS,
    YES,
    ansible_options,
    names_inventory,
    split_words,
    with_inventory,
    with_options,
)


def _begin(options: dict[str, Any], words: Sequence[str] = (), *, reads: bool = True) -> None:
    """Let Ansible be loaded for a run while ours is loaded; reads: and the inventory be read.

    words are the command's arguments.
    """
    from provision.run import engine

    if not options["verbose"]:
        given = with_inventory([*ansible_options(options), *split_words(words)[1]])
        engine.prepare(given if reads and names_inventory(given) else None)


def _ansible_words(words: Sequence[str], *, form: str = "", verbose: int = 0) -> tuple[str, ...]:
    """What follows `--`, less what would print in place of a command that tells for itself."""
    rest = split_words(words)[1]
    if lists := sorted(LISTS & set(rest)):
        raise click.UsageError(f"{lists[0]} goes with `provision up`")
    if form == "json" and verbose:
        raise click.UsageError("--verbose prints what Ansible says, which is no JSON")
    return rest


def _provide(targets: str, words: Sequence[str], options: dict[str, Any], **named: Any) -> int:
    """Dispatch to provide(); words are host names, then what followed `--`."""
    serial, most = options.get("serial"), options.get("max_failures")
    if most is not None and not serial:
        raise click.UsageError("--max-failures goes with --serial")
    _begin(options, words, reads=named.get("monitor") is None)
    from provision.commands.provide import provide

    hosts, rest = split_words(words)
    lists = bool(LISTS & set(rest))
    return provide(
        targets=targets,
        hosts=hosts,
        options=[*ansible_options(options), *rest],
        check=options["check"] or lists or bool({"-C", "--check"} & set(rest)),
        diff=options["diff"] or bool({"-D", "--diff"} & set(rest)),
        verbosity=options["verbose"] or int(lists),
        yes=options["yes"],
        command=f"provision {click.get_current_context().info_name}",
        serial=serial,
        max_failures=most or 0,
        **named,
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="provision")
def cli() -> None:
    """From an application's documented metrics to a monitored fleet."""


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(directory: Path) -> int:
    """Write a commented inventory to begin with."""
    from provision.commands import init as command

    return command.init(directory=directory)


@cli.command()
@with_options(INVENTORY_OPTIONS)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The directory.")
def render(output: Path, **options: Any) -> int:
    """Write the files of every host, without contacting any."""
    from provision.commands import render as command

    return command.render(options=ansible_options(options), output=output)


@cli.command()
@with_options(INVENTORY_OPTIONS)
@with_options(tuple(option for option in RUN_OPTIONS if "--check" not in option[0]))
@FORMAT
@click.option(
    "--detailed-exitcode",
    "detailed",
    is_flag=True,
    help="Exit with 2 where something would change.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[HOST...] [-- OPTION...]")
def plan(words: tuple[str, ...], form: str, detailed: bool, **options: Any) -> int:
    """Show what would change on the whole fleet, and why; nothing is changed."""
    rest = _ansible_words(words, form=form, verbose=options["verbose"])
    _begin(options, words)
    from provision.commands import plan as command

    return command.plan(
        hosts=split_words(words)[0],
        options=[*ansible_options(options), *rest],
        diff=options["diff"] or bool({"-D", "--diff"} & set(rest)),
        verbosity=options["verbose"],
        form=form,
        detailed=detailed,
    )


@cli.command()
@with_options(INVENTORY_OPTIONS)
@with_options(RUN_OPTIONS)
@with_options(BATCH_OPTIONS)
@YES
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTION...]")
def up(words: tuple[str, ...], **options: Any) -> int:
    """Provision the monitoring host and all workers."""
    if split_words(words)[0]:
        raise click.UsageError("up is for all hosts; some of them: --limit, or `provision worker`")
    return _provide("monitor:workers", words, options)


@cli.command("monitor-server")
@with_options(INVENTORY_OPTIONS)
@with_options(RUN_OPTIONS)
@YES
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[HOST] [-- OPTION...]")
def monitor_server(words: tuple[str, ...], **options: Any) -> int:
    """Provision the monitoring host: InfluxDB and Grafana.

    HOST needs no inventory: one is then kept for it.
    """
    hosts, _ = split_words(words)
    if len(hosts) > 1:
        raise click.UsageError("there is one monitoring host")
    without = hosts and not options["inventory"] and not Path("inventory.yml").is_file()
    return _provide("monitor", words, options, monitor=hosts[0] if without else None)


@cli.command()
@with_options(INVENTORY_OPTIONS)
@with_options(RUN_OPTIONS)
@with_options(BATCH_OPTIONS)
@YES
@click.option("--monitor", metavar="HOST", help="The monitoring host, where no inventory says it.")
@click.option("--app", "apps", multiple=True, metavar="APP", help="An application on these hosts.")
@click.argument("words", nargs=-1, metavar="[HOST...] [-- OPTION...]", type=click.UNPROCESSED)
def worker(
    words: tuple[str, ...], monitor: str | None, apps: tuple[str, ...], **options: Any
) -> int:
    """Provision workers: Telegraf, for the applications on them."""
    if apps and not monitor:
        raise click.UsageError("--app goes with --monitor; an inventory has the variable `apps`")
    if monitor and not split_words(words)[0]:
        raise click.UsageError("--monitor goes with the names of the workers")
    return _provide("workers", words, options, monitor=monitor, apps=apps)


@cli.command()
@with_options(INVENTORY_OPTIONS)
@with_options(RUN_OPTIONS)
@YES
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[HOST...] [-- OPTION...]")
def rotate(words: tuple[str, ...], yes: bool, **options: Any) -> int:
    """Renew tokens and passwords without a gap: those of some workers, or all."""
    rest = _ansible_words(words)
    _begin(options, words)
    from provision.commands import rotate as command

    return command.rotate(
        hosts=split_words(words)[0],
        options=[*ansible_options(options), *rest],
        check=options["check"] or bool({"-C", "--check"} & set(rest)),
        yes=yes,
        verbosity=options["verbose"],
    )


@cli.command()
@with_options(INVENTORY_OPTIONS)
@with_options(RUN_OPTIONS)
@click.option("--wait", default="0s", show_default=True, help="How long to wait at least.")
@click.option(
    "--since", default="24h", show_default=True, help="How far back to look for unknown buckets."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit"]),
    default="text",
    show_default=True,
)
@click.option("--strict", is_flag=True, help="What was never seen, or is unknown, is a fault too.")
@click.option("--all", "everything", is_flag=True, help="Show what is as it should be, too.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML.")
@click.argument("hosts", nargs=-1, metavar="[HOST...]")
def verify(
    hosts: tuple[str, ...],
    wait: str,
    since: str,
    form: str,
    strict: bool,
    everything: bool,
    junit: Path | None,
    **options: Any,
) -> int:
    """See that every documented metric arrives and every panel answers; nothing is changed.

    Of some hosts, or of all.
    """
    if hosts and options["limit"]:
        raise click.UsageError("--limit and names of hosts are one and the same: give one of them")
    _begin(options)
    from provision.commands import verify as command

    return command.verify(
        hosts=hosts,
        options=ansible_options(options),
        wait=wait,
        since=since,
        form=form,
        strict=strict,
        everything=everything,
        junit=junit,
    )


@cli.command()
@with_options(INVENTORY_OPTIONS)
@with_options([each for each in RUN_OPTIONS if each[0][0] not in ("-C", "-D")])
@FORMAT
@click.argument("words", nargs=-1, metavar="[HOST...] [-- OPTION...]", type=click.UNPROCESSED)
def status(words: tuple[str, ...], form: str, **options: Any) -> int:
    """What runs where, since when, and whether it is as it should be; nothing is changed.

    Ends with 1 where something does not run, differs, or cannot be reached.
    """
    rest = _ansible_words(words, form=form, verbose=options["verbose"])
    _begin(options, words)
    from provision.commands import status as command

    return command.status(
        hosts=split_words(words)[0],
        options=[*ansible_options(options), *rest],
        form=form,
        verbosity=options["verbose"],
    )


@cli.command()
@with_options(INVENTORY_OPTIONS)
@with_options(RUN_OPTIONS)
@click.option("--data", is_flag=True, help="Delete what the services have stored, too.")
@YES
@click.argument("words", nargs=-1, metavar="[HOST...] [-- OPTION...]", type=click.UNPROCESSED)
def remove(words: tuple[str, ...], data: bool, yes: bool, **options: Any) -> int:
    """Take away again what was put on hosts: on these, or on all.

    Data stays where it is, unless --data says otherwise.
    """
    rest = _ansible_words(words)
    _begin(options, words)
    from provision.commands import remove as command

    return command.remove(
        hosts=split_words(words)[0],
        options=[*ansible_options(options), *rest],
        data=data,
        yes=yes,
        check=options["check"] or bool({"-C", "--check"} & set(rest)),
        verbosity=options["verbose"],
    )


@cli.command()
@with_options(INVENTORY_OPTIONS)
@FORMAT
@click.option(
    "--bytes-a-point",
    type=click.FloatRange(min=0.1, max=1000),
    help="What a number takes on disk [default: 8]; steady ones take about 3.",
)
def estimate(form: str, bytes_a_point: float | None, **options: Any) -> int:
    """What a site asks of InfluxDB: series, points, bytes, queries; nothing is contacted."""
    from provision.commands import estimate as command

    if bytes_a_point != bytes_a_point:  # nan, which is in every range
        raise click.BadParameter("nan is not a number", param_hint="--bytes-a-point")
    return command.estimate(
        options=ansible_options(options), form=form, bytes_a_point=bytes_a_point
    )


@cli.command()
@with_options(INVENTORY_OPTIONS)
@click.option("-u", "--user", metavar="USER", help="Connect as this user.")
@click.option("--private-key", metavar="PATH", help="The ssh key to connect with.")
@click.option("--port", type=click.IntRange(1, 65535), default=8125, show_default=True)
@click.option("--show", is_flag=True, help="Print the ssh command; do not run it.")
@click.argument("host")
def tunnel(
    host: str, port: int, user: str | None, private_key: str | None, show: bool, **options: Any
) -> None:
    """Make a port of this machine the statsd (over TCP) of a worker, to try an application out."""
    from provision.commands import tunnel as command

    command.tunnel(
        host=host,
        port=port,
        options=ansible_options(options),
        user=user,
        private_key=private_key,
        show=show,
    )


cli.add_command(dashboards)
cli.add_command(catalog)


@cli.command()
@ENGINE
@PACKAGES
@click.option("--require", multiple=True, type=click.Choice(["grafana"]), help="Fail without it.")
@click.option("--keep", is_flag=True, help="Leave the hosts standing at the end.")
@click.option("--down", is_flag=True, help="Remove the hosts of an earlier rehearsal.")
@click.option("-i", "--inventory", type=click.Path(path_type=Path), help="Rehearse this site.")
def rehearse(down: bool, engine: str | None, **options: Any) -> int:
    """Provision throwaway hosts for real, send every documented metric, and see what arrives."""
    from provision.commands.rehearse import rehearse as run_rehearsal
    from provision.commands.rehearse import take_down

    if down:
        return take_down()
    number: Literal[1, 2] | None = None if engine is None else 1 if engine == "1" else 2
    return run_rehearsal(engine=number, **options)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console command: the one place that catches errors, and the exit statuses."""
    collect_seldom()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # What Ctrl-C cleans up, kill and a terminal that is closed do too (but not under nohup).
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        status = run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # a second one, while the first was told of
        status = EXIT_INTERRUPTED
    if status == EXIT_INTERRUPTED:
        # It has been heard: once more, while Python ends, must not change the exit status.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)


#: Commands that may have begun to change hosts when they are interrupted.
_CHANGING = frozenset({"monitor-server", "remove", "rotate", "up", "worker"})


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status."""
    try:
        status = cli.main(list(arguments), prog_name="provision", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        begun = arguments[:1] and arguments[0] in _CHANGING
        end = ": the next run finishes what is half done" if begun else ""
        print(f"interrupted{end}", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except ProvisionError as error:
        from provision.output import show_error

        show_error(error)
        return EXIT_ERROR
    except SystemExit as stop:  # Ansible's own option parser, or Ansible that cannot start
        return EXIT_USAGE if stop.code == EXIT_USAGE else EXIT_ERROR if stop.code else 0
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_ERROR
    except Exception:
        from provision.bug import report

        report(arguments)
        return EXIT_BUG
    return int(status or 0)
