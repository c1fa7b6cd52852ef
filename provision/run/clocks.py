"""Clocks that are far off: points of such a host are in the past, or the future, of a graph."""

from __future__ import annotations

from collections.abc import Mapping

#: Seconds: what a graph of minutes shows, and more than a slow answer can feign.
FAR = 60

REMEDY = "let it be set: timedatectl set-ntp true (with systemd-timesyncd or chrony installed)"
_HARM = (
    "what it sends lies in the {where} of every graph and may be refused, "
    "and apt and TLS may take for invalid what is valid"
)


def off(clocks: Mapping[str, int], monitor: str) -> dict[str, str]:
    """What is wrong with the clock of each host, by its name; "" is this machine.

    clocks has by how many seconds each is ahead of this machine's (behind: negative).
    """
    values = list(clocks.values())
    same = len(values) > 1 and max(values) - min(values) <= FAR
    if same and min(map(abs, values)) > FAR:
        return {"": f"this machine's clock is {_apart(-values[0])} those of all hosts"}
    found = {}
    for host, ahead in clocks.items():
        apart = ahead - clocks.get(monitor, 0)
        if abs(ahead) > FAR:
            found[host] = f"its clock is {_apart(ahead)} this machine's: {_harm(ahead)}"
        elif abs(apart) > FAR >= abs(clocks.get(monitor, 0)):
            found[host] = f"its clock is {_apart(apart)} the monitoring host's: {_harm(apart)}"
    return found


def _harm(ahead: int) -> str:
    return _HARM.format(where="future" if ahead > 0 else "past")


def _apart(seconds: int) -> str:
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min"))
         if abs(seconds) >= 2 * size), (1, "s"),
    )  # fmt: skip
    return f"{abs(seconds) // size} {unit} {'ahead of' if seconds > 0 else 'behind'}"
