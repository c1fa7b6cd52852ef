"""What InfluxDB's tokens and users are called, so that one list says which of them are right.

A name ends with a fingerprint of its secret: the first digits of the SHA-256 of 256 random bits,
which tell nothing of them. A new secret has a new name, and the old one stays valid until nobody
uses it any more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import Any, Callable, Dict, Iterable, Mapping, Sequence, Set

#: A point's time is rounded to the second (Telegraf, agent: precision).
_ROUNDED = 1.5


def fingerprint(secret: str) -> str:
    """The digits by which a name tells which secret it is of."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def new_secret() -> str:
    """A password of 256 random bits."""
    return secrets.token_urlsafe(32)


class Name:
    """The name of a token or user: what it is for, and the fingerprint of its secret (or none)."""

    def __init__(self, base: str, mark: str = "") -> None:
        self.base, self.mark = base, mark


def described(base: str, secret: str) -> str:
    """The description of an InfluxDB 2 token."""
    return "%s (%s)" % (base, fingerprint(secret))


def description(text: str) -> Name:
    """A token's description in its parts."""
    match = re.fullmatch(r"(.*) \(([0-9a-f]{8})\)", text, re.DOTALL)
    return Name(match.group(1), match.group(2)) if match else Name(text)


def user_name(base: str, secret: str) -> str:
    """The name of an InfluxDB 1 user."""
    return "%s-%s" % (base, fingerprint(secret))


def user(text: str) -> Name:
    """A user's name in its parts."""
    match = re.fullmatch(r"(.*)-([0-9a-f]{8})", text, re.DOTALL)
    return Name(match.group(1), match.group(2)) if match else Name(text)


def owners(entry: Mapping[str, Any], holders: Sequence[Mapping[str, Any]], name: Name) -> Any:
    """The hosts that may still use what has that name; None if it is not one of ours.

    holders are the entry's tokens or users by "base"; entry["retired"] says what all workers once
    shared ("all"), and how the names of workers that are not there any more begin ("left").
    """
    for each in holders:
        if each["base"] == name.base:
            return [each["host"]] if each.get("host") else []
    retired = entry.get("retired") or {}
    if name.base == retired.get("all") and not name.mark:
        return sorted({each["host"] for each in holders if each.get("role") == "telegraf"})
    if name.mark and retired and name.base.startswith(retired["left"]):
        return []
    return None


def revoke(
    stale: Sequence[Mapping[str, Any]],
    settled: Mapping[str, float],
    writers: Set[str],
    look: Callable[[Mapping[str, float]], Mapping[str, float]],
    delete: Callable[[Mapping[str, Any]], None],
    seconds: float,
) -> Dict[str, Any]:
    """Delete each stale one ("name", "why", "owners") whose owners all work with a new one.

    settled are the hosts that have what the secrets file has, and since when (by their own clock,
    seconds since 1970). Of writers a later point must be seen: look gives the time of the last one
    by host, and is asked until the seconds are over. Gives {"differences": what was deleted,
    "unseen": hosts of which nothing came, "left": how many stay}.
    """
    since = {
        host: settled[host]
        for each in stale
        for host in each["owners"]
        if host in settled and host in writers
    }
    deadline = time.monotonic() + seconds
    seen: Set[str] = set()
    while since:
        latest = look(since)
        seen = {host for host, then in since.items() if latest.get(host, 0) > then + _ROUNDED}
        if len(seen) == len(since) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    done = (set(settled) - writers) | seen
    differences = []
    for each in stale:
        if set(each["owners"]) <= done:
            delete(each)
            differences.append({"name": each["name"], "action": "remove", "why": each["why"]})
    left = len(stale) - len(differences)
    return {"differences": differences, "unseen": sorted(set(since) - seen), "left": left}


def seen_query(since: Iterable[float]) -> str:
    """The InfluxQL that gives each host's last point after the earliest of some times.

    It is of what every Telegraf tells of itself at each interval.
    """
    query = 'SELECT last("metrics_gathered") FROM "internal_agent" WHERE time > %ds GROUP BY "host"'
    return query % int(min(since))


def seen_times(answer: Any) -> Dict[str, float]:
    """By host, the time of its last point, of the answer to seen_query with epoch=ms."""
    results = answer.get("results") or [{}] if isinstance(answer, dict) else [{}]
    return {
        series["tags"]["host"]: series["values"][0][0] / 1000.0
        for series in results[0].get("series") or []
    }
