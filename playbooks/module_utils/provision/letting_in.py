"""The rules that keep strangers from a service: a file of nftables' in /etc/provision for each.

The unit of the service loads it at each start (its drop-in 20-provision-listeners.conf); one that
takes up its files while it runs does not start.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Iterable

_NFT = "/usr/sbin/nft"
_FOLDER = "/etc/provision"
_RULES = re.compile(re.escape(_FOLDER) + r"/([^/]+)\.nft")


def _nft(*words: str) -> bool:
    away = subprocess.DEVNULL
    try:
        return subprocess.call([_NFT, *words], stdout=away, stderr=away) == 0
    except OSError:
        return False


def now(paths: Iterable[str]) -> None:
    """Take back the rules of those of the paths that are such files.

    Rules that are not loaded are none: the host was started again, or has no nftables.
    """
    for match in filter(None, map(_RULES.fullmatch, paths)):
        table = "provision_" + match.group(1).replace("-", "_")
        _nft("delete", "table", "inet", table)


def loaded(units: Iterable[str], changed: Iterable[str]) -> bool:
    """Load the rules of units that have some; gives whether those that are changed could be.

    The others should be loaded since the last start, and may not be: others flush all rules.
    """
    paths = ["%s/%s.nft" % (_FOLDER, unit) for unit in units]
    failed = [path for path in paths if os.path.exists(path) and not _nft("-f", path)]
    return not set(failed) & set(changed)


def again(paths: Iterable[str]) -> None:
    """Take back the rules of such files that are there no more.

    To be called when the service runs without them: before, strangers would reach the old one.
    """
    now(path for path in paths if not os.path.lexists(path))
