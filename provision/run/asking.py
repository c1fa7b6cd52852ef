"""Whether a person is there, and what they say: asked by every command that changes hosts."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence

import click

from provision.run.ansible import ASKS_FOR_BECOME, ASKS_FOR_CONNECTION


def somebody() -> bool:
    """Whether a person reads what is printed and can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def assert_answerable(*, yes: bool) -> None:
    """Raise UsageError (exit status 2) where a question could be answered by nobody.

    To be called before anything is touched, by what asks agreed() later.
    """
    if not yes and not somebody():
        raise click.UsageError(
            "nobody is there to be asked (standard input and output are no terminal):"
            " give --yes to go ahead, or see what would be done with --check"
        )


def agreed(question: str, *, yes: bool) -> bool:
    """Whether to go ahead: yes, or a person who answers y; an empty answer is no.

    Raises click.Abort (exit status 130) for Ctrl-C, or where the terminal is closed.
    """
    return yes or click.confirm(question, default=False, err=True)


def password_of_sudo(options: Sequence[str]) -> str | None:
    """The password that -K asks for, where Ansible is run more than once; None without that option.

    With -k as well Ansible asks for both itself, since one may stand for the other.
    """
    if not ASKS_FOR_BECOME & set(options) or ASKS_FOR_CONNECTION & set(options):
        return None
    return getpass.getpass("BECOME password: ")
