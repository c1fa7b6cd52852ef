"""Debian's version numbers against what a manifest pins."""

from __future__ import annotations


def fits(version: str, wanted: str) -> bool:
    """Whether an installed or offered version is the wanted one: 1.39.3-1 fits 1.39.3, and so it
    does 1.39, but not 1.3. What comes before a release (1.39.3~rc1) is not the release.
    """
    without_epoch = version.split(":", 1)[-1]
    for full in (version, without_epoch):
        if full == wanted:
            return True
        if full.startswith(wanted) and full[len(wanted)] in ".-+":
            return True
    return False
