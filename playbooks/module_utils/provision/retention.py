"""How long a database keeps its points, in words: what a change of it means and deletes."""

from __future__ import annotations

from typing import Dict

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def words(seconds: int) -> str:
    """A time in words: 2592000 is 30 d, 129600 is 1 d 12 h; 0 is for ever."""
    if not seconds:
        return "for ever"
    told = []
    for unit, size in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            told.append("%d %s" % (number, unit))
    return " ".join(told)


def change(current: int, wanted: int) -> Dict[str, str]:
    """The why of a difference, and its warning where points are lost; in seconds, 0 for ever."""
    told = {"why": "it keeps points %s, not %s" % (_for(current), _for(wanted))}
    if wanted and (not current or wanted < current):
        less = "%s less than now" % words(current - wanted) if current else "they were for ever"
        told["warning"] = "points that are older than %s are deleted for good (%s)" % (
            words(wanted),
            less,
        )
    return told


def _for(seconds: int) -> str:
    return words(seconds) if not seconds else "for " + words(seconds)
