"""The rules that keep strangers from a service: a file of nftables' in /etc/provision for each.

The unit of the service loads it at each start (its drop-in 20-provision-listeners.conf).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from typing import Iterable

_NFT = "/usr/sbin/nft"
_RULES = re.compile(r"/etc/provision/([^/]+)\.nft")


def again(paths: Iterable[str]) -> None:
    """Take back the rules of those of the paths that are such files, before they are removed.

    Rules that are not loaded are none: the host was started again, or has no nftables.
    """
    for path in paths:
        match = _RULES.fullmatch(os.path.normpath(path))
        if match:
            table = "provision_" + match.group(1).replace("-", "_")
            with contextlib.suppress(OSError):
                subprocess.run(
                    [_NFT, "delete", "table", "inet", table],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
