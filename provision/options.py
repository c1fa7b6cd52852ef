"""Options that several commands share.

Those of ansible-playbook are one table, by their own names (ansible-playbook --help), for every
command that runs it or reads an inventory. All others can follow `--`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from provision.paths import INVENTORY_FILE

_Command = TypeVar("_Command", bound=Callable[..., Any])

INVENTORY_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("-i", "--inventory"), {"multiple": True, "metavar": "PATH", "help": "The inventory."}),
    (("-l", "--limit"), {"metavar": "PATTERN", "help": "Only these hosts."}),
    (("-e", "--extra-vars"), {"multiple": True, "metavar": "VARS", "help": "Extra variables."}),
    (("-J", "--ask-vault-pass"), {"is_flag": True, "help": "Ask for the vault's password."}),
    (("--vault-id",), {"multiple": True, "metavar": "ID", "help": "A vault identity."}),
    (("--vault-password-file",), {"multiple": True, "metavar": "PATH", "help": "Where it is."}),
)
RUN_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("-u", "--user"), {"metavar": "USER", "help": "Connect as this user."}),
    (("--private-key",), {"metavar": "PATH", "help": "The ssh key to connect with."}),
    (("-k", "--ask-pass"), {"is_flag": True, "help": "Ask for the connection's password."}),
    (("-b", "--become"), {"is_flag": True, "help": "Become root (the playbooks do so anyway)."}),
    (("-K", "--ask-become-pass"), {"is_flag": True, "help": "Ask for sudo's password."}),
    (
        ("-f", "--forks"),
        {"type": click.IntRange(1), "metavar": "N", "help": "Hosts at a time."},
    ),
    (("-C", "--check"), {"is_flag": True, "help": "Change nothing; say what would change."}),
    (("-D", "--diff"), {"is_flag": True, "help": "Show the differences of files."}),
    (("-v", "--verbose"), {"count": True, "help": "Show Ansible's own output; -vvv for more."}),
)
BATCH_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--serial",),
        {
            "type": click.IntRange(1),
            "metavar": "N",
            "help": "Workers at a time, after the monitoring host by itself.",
        },
    ),
    (
        ("--max-failures",),
        {
            "type": click.IntRange(0),
            "metavar": "N",
            "help": "With --serial: how many hosts may fail before it stops [default: 0].",
        },
    ),
)

YES = click.option("-y", "--yes", is_flag=True, help="Go ahead without asking.")
CATALOGS = click.option(
    "--catalogs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A directory with catalogs of your own, beside the built-in ones"
    " (by default catalogs/, where inventory.yml or inventory/ stands here).",
)
FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
PACKAGES = click.option(
    "--packages",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of .deb files to take packages from, before all else.",
)
ENGINE = click.option("--engine", type=click.Choice(["1", "2"]), help="InfluxDB 1 or 2.")


def with_options(
    options: Sequence[tuple[tuple[str, ...], dict[str, Any]]],
) -> Callable[[_Command], _Command]:
    """A decorator that gives a command these options."""

    def add(command: _Command) -> _Command:
        for names, settings in reversed(options):
            command = click.option(*names, **settings)(command)
        return command

    return add


def ansible_options(values: dict[str, Any]) -> list[str]:
    """The options as ansible-playbook takes them."""
    arguments: list[str] = []
    for names, settings in (*INVENTORY_OPTIONS, *RUN_OPTIONS):
        name, value = names[-1], values.get(names[-1].lstrip("-").replace("-", "_"))
        if settings.get("count"):
            arguments += [f"-{'v' * value}"] if value else []
        elif settings.get("is_flag"):
            arguments += [name] if value else []
        else:
            for item in value if isinstance(value, tuple) else [value]:
                arguments += [name, str(item)] if item is not None else []
    return arguments


# What ansible-playbook lists or checks without touching a host; its own text is the answer.
LISTS = frozenset({"--list-hosts", "--list-tasks", "--list-tags", "--syntax-check"})


def split_words(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Host names, and Ansible's options from the first word that is one."""
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    return tuple(words[:first]), tuple(words[first:])


def with_inventory(options: Sequence[str]) -> Sequence[str]:
    """The options, with ./inventory.yml where they name none and there is one."""
    if not names_inventory(options) and Path(INVENTORY_FILE).is_file():
        return ["-i", INVENTORY_FILE, *options]
    return options


def names_inventory(options: Sequence[str]) -> bool:
    """Whether the options name an inventory."""
    return first_inventory(options) is not None


def first_inventory(options: Sequence[str]) -> str | None:
    """What the options name as the first inventory, None where they name none."""
    for option, following in zip(options, [*options, ""][1:], strict=True):
        if option in ("-i", "--inventory", "--inventory-file"):
            return following
        if option.startswith("--inventory"):
            return option.partition("=")[2]
        if option.startswith("-i"):
            return option[2:]
    return None
