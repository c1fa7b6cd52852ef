"""The rules that keep strangers from a service: a file of nftables' in /etc/provision for each.

The unit of the service loads it at each start (its drop-in 20-provision-listeners.conf); one that
takes up its files while it runs does not start.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Iterable, Set

from ansible.module_utils.provision.trouble import Trouble

NFT = "/usr/sbin/nft"
_FOLDER = "/etc/provision"
_RULES = re.compile(re.escape(_FOLDER) + r"/([^/]+)\.nft")


def path_of(unit: str) -> str:
    """The file with the rules of a unit (without .service)."""
    return "%s/%s.nft" % (_FOLDER, unit)


def are_all(paths: Iterable[str], units: Iterable[str]) -> bool:
    """Whether paths are nothing but files with the rules of units: those need not be told."""
    return set(paths) <= {path_of(unit) for unit in units}


def table_of(unit: str) -> str:
    """The table that the rules of a unit are in, of the family inet."""
    return "provision_" + unit.replace("-", "_")


def drops(text: str) -> Set[str]:
    """What is kept out, of a file of rules or of what `nft list table` prints."""
    lines = (line.strip() for line in text.splitlines())
    return {line for line in lines if line.endswith(" drop")}


def _nft(*words: str) -> str:
    """Run nft; gives what it says where it fails, else nothing."""
    try:
        done = subprocess.run(
            [NFT, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
    except OSError as error:
        return "%s: %s" % (NFT, error.strerror)
    said = done.stderr.strip() or "exit status %d" % done.returncode
    return said.splitlines()[0] if done.returncode else ""


def now(paths: Iterable[str]) -> None:
    """Take back the rules of those of the paths that are such files.

    Rules that are not loaded are none: the host was started again, or has no nftables.
    """
    for match in filter(None, map(_RULES.fullmatch, paths)):
        _nft("delete", "table", "inet", table_of(match.group(1)))


def guard(units: Iterable[str]) -> None:
    """Load the rules of units, as others have dropped them. Trouble where that cannot be."""
    for unit in units:
        why = loading(unit)
        if why:
            raise refused(unit, why, "Nothing was changed, and whoever reaches it may send")


def loading(unit: str) -> str:
    """Load the rules of a unit, if it has some; gives why they could not be."""
    path = path_of(unit)
    return _nft("-f", path) if os.path.exists(path) else ""


def refused(unit: str, why: str, result: str) -> Trouble:
    """That the rules of a unit could not be loaded, and how that leaves the host."""
    return Trouble(
        "The rules of who may send to %s can't be loaded (%s). %s."
        % (unit, why.rstrip("."), result),
        "mend that (`nft -f %s` on the host shows it) and run again" % path_of(unit),
    )


def again(paths: Iterable[str]) -> None:
    """Take back the rules of such files that are there no more.

    To be called when the service runs without them: before, strangers would reach the old one.
    """
    now(path for path in paths if not os.path.lexists(path))
