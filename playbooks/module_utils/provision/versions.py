"""Debian's version numbers against what a manifest pins."""

from __future__ import annotations


def fits(version: str, wanted: str) -> bool:
    """Whether an installed or offered version is the wanted one: 1.39.3 fits 1.39.3-1, and so does
    1.39; 1.3 does not.
    """
    without_epoch = version.split(":", 1)[-1]
    for full in (version, without_epoch):
        if full == wanted:
            return True
        if full.startswith(wanted) and not full[len(wanted)].isdigit():
            return True
    return False
