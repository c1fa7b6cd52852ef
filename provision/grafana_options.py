"""The options of every command for a Grafana that someone else runs, in one table, and the login.

A secret is never an argument: it comes from the environment, a file, or is typed in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from provision.errors import ProvisionError

if TYPE_CHECKING:
    from provision.grafana import Grafana

_FILE = click.Path(path_type=Path, dir_okay=False)
GRAFANA_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--url",),
        {
            "required": True,
            "envvar": "GRAFANA_URL",
            "show_envvar": True,
            "help": "Grafana's address, with the path that it is served under.",
        },
    ),
    (
        ("--token-file",),
        {"type": _FILE, "help": "A file with a service account's token (or: GRAFANA_TOKEN)."},
    ),
    (("--user",), {"metavar": "NAME", "help": "Log in with this name and a password."}),
    (
        ("--password-file",),
        {"type": _FILE, "help": "A file with its password (or: GRAFANA_PASSWORD, or typed in)."},
    ),
    (("--ca-file",), {"type": _FILE, "help": "The authority that signed its certificate."}),
    (("--insecure",), {"is_flag": True, "help": "Take any certificate."}),
    (
        ("--timeout",),
        {
            "type": click.FloatRange(min=0.1),
            "default": 30,
            "show_default": True,
            "help": "Seconds, for one request.",
        },
    ),
)
IF_REFUSED = (
    "see whether the token (GRAFANA_TOKEN, --token-file) or the password is right, has not expired,"
    " and belongs to this Grafana"
)
OLDEST = 9


def connect(
    *,
    url: str,
    token_file: Path | None,
    user: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    insecure: bool,
    timeout: float,
) -> Grafana:
    """A Grafana that answers and is not too old. Raises ProvisionError."""
    from provision.grafana import Grafana

    _check(url)
    if ca_file and not ca_file.is_file():
        raise ProvisionError(f"{ca_file}: there is no such file")
    if user and token_file:
        raise click.UsageError("--user logs in with a password, --token-file with a token")
    if password_file and not user:
        raise click.UsageError("--password-file goes with --user")
    token = None if user else secret("GRAFANA_TOKEN", token_file)
    password = None
    if user:
        password = secret("GRAFANA_PASSWORD", password_file)
        if password is None and not sys.stdin.isatty():
            raise ProvisionError(
                f"no password for {user} at {url}",
                remedy="put it into GRAFANA_PASSWORD or a --password-file",
            )
        if password is None:
            password = click.prompt(f"{user}'s password", hide_input=True, err=True)
    elif token is None:
        raise ProvisionError(
            f"no login for Grafana at {url}",
            remedy="put a service account's token into GRAFANA_TOKEN or a --token-file,"
            " or give --user",
        )
    grafana = Grafana(
        url,
        user,
        password,
        token=token,
        verify=False if insecure else str(ca_file) if ca_file else True,
        timeout=timeout,
        if_refused=IF_REFUSED,
        named_by="--url, GRAFANA_URL",
    )
    version = grafana.version()
    if version and version.split(".")[0].isdigit() and int(version.split(".")[0]) < OLDEST:
        raise ProvisionError(f"Grafana at {url} is version {version}; 9 is the oldest that will do")
    return grafana


def secret(variable: str, file: Path | None) -> str | None:
    """A secret from a file or else the environment, None where neither has it. ProvisionError."""
    where = str(file) if file else variable
    if file:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ProvisionError(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ProvisionError(f"{file}: not a text") from error
    elif variable in os.environ:
        text = os.environ[variable]
    else:
        return None
    text = text.strip()
    if not text or not text.isprintable():
        raise ProvisionError(f"{where}: empty, or more than one line")
    return text


def _check(url: str) -> None:
    """Raises ProvisionError for what is no address; one with a password in it is not repeated."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username or parts.password:
        raise ProvisionError(
            "--url: a login is no part of it, where others can read it",
            remedy="take --user, and GRAFANA_PASSWORD or --password-file",
        )
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise ProvisionError(
            f"--url: {url!r} is no address of a Grafana",
            remedy="it is like https://grafana.example.com or http://host:3000/grafana",
        )
