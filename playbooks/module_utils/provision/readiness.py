"""Whether a unit is active, stays so, listens and answers.

What speaks HTTP is compiled where a service is asked: most are not.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Optional, Sequence, Set, Tuple

from ansible.module_utils.provision import listening, units

#: For how many seconds it is waited between two looks, which take 10 ms of a core each and hold up
#: what systemd starts: at least, at most, and at most where nobody listens yet.
_SHORTEST, _LONGEST, _UNHEARD = 0.02, 0.25, 2.0
#: For how many seconds it is waited until it is seen again whether somebody listens, which takes
#: next to nothing: at least, and as a part of what was waited. Fifty hosts may share a processor.
_GLANCE, _PART = 0.005, 0.05
#: For how many seconds one is watched at least of which it is not known whether it is what listens:
#: of one that has just ended there is no control group any more.
_UNPROVEN = 0.1
#: A unit that systemd has started again so many times while we look will not come up.
_HOPELESS = 5


class Waiting:
    """One wait. show gives the output of systemctl show (units.asked)."""

    def __init__(
        self,
        show: Callable[[], str],
        listen: Sequence[str],
        health: Optional[str],
        timeout: float,
        stable: float,
        restored: bool = False,
    ) -> None:
        """With restored it runs with its old files, and may speak TLS otherwise than it should."""
        self.show, self.listen, self.health = show, listen, health
        self.timeout, self.stable, self.restored = timeout, stable, restored
        self.waited = 0.0
        self._proven = True

    def wait(self) -> str:
        """Wait; gives why the service does not work, empty if it does."""
        start = time.monotonic()
        pause, since, first = _LONGEST if self.listen else _SHORTEST, 0.0, None
        same: Optional[Tuple[str, str]] = None
        last: Optional[Tuple[str, str]] = None
        while True:
            now = time.monotonic()
            # Before it is asked: what begins to listen meanwhile is new.
            before = self._sockets()
            seen = units.properties(self.show())
            restarts = int(seen.get("NRestarts") or 0)
            first = restarts if first is None else first
            why, hopeless = self._not_yet(seen, restarts - first)
            process = (seen.get("MainPID", ""), seen.get("NRestarts", ""))
            if why or process != same:
                same, since = None if why else process, now
            self.waited = now - start
            stable = self.stable if self._proven else max(self.stable, _UNPROVEN)
            if not why and now - since >= stable:
                return ""
            if hopeless:
                return why
            if self.waited >= self.timeout:
                return "%s after %d s" % (why or "it does not stay active", self.waited)
            # What works is looked at once more as soon as it has done so for long enough.
            rest = pause if why else min(pause, since + stable - now)
            changed = self._changes(before, min(rest, max(self.timeout - self.waited, 0)))
            if changed:
                pause = _SHORTEST
            elif changed is None and process == last and _is_under_way(seen):
                pause = min(pause * 2, _UNHEARD)
            else:
                pause = min(pause * 1.1, _LONGEST)
            last = process

    def _changes(self, before: Set[int], seconds: float) -> Optional[bool]:
        """Wait so long, but no longer than until all is listened on by others than before.

        Gives whether it is; None where it shall be, and is by nobody.
        """
        begun = now = time.monotonic()
        there = before
        pause = _GLANCE if self.listen else seconds
        while now < begun + seconds:
            time.sleep(max(0.0, min(pause, begun + seconds - now)))
            asked = time.monotonic()
            there = self._sockets()
            if there and there != before:
                return True
            now = time.monotonic()
            # Where there are thousands, they are not looked at all the time.
            pause = max(pause, 5 * (now - asked), _PART * (self.waited + now - begun))
        return False if there or not self.listen else None

    def _sockets(self) -> Set[int]:
        """Those in the places where it shall listen, whoever's; empty where one is missing."""
        found: Set[int] = set()
        for wanted in self.listen:
            there = listening.serving(wanted)
            if not there:
                return set()
            found |= there
        return found

    def _not_yet(self, seen: Dict[str, str], restarts: int) -> Tuple[str, bool]:
        """What is missing, and whether there is no hope that it will come."""
        state = "%s (%s)" % (seen.get("ActiveState"), seen.get("SubState"))
        if seen.get("LoadState") != "loaded":
            return "there is no such unit", True
        if restarts >= _HOPELESS:
            return "systemd has started it %d times again" % restarts, True
        if units.has_job(seen):
            return "it is still starting, %s" % state, False
        if seen.get("ActiveState") != "active":
            over = seen.get("ActiveState") in ("failed", "inactive")
            return "it is %s, %s" % (state, seen.get("Result")), over
        group = seen.get("ControlGroup")
        own = listening.held(group) if group and self.listen else None
        self._proven = own is not None or not self.listen
        for wanted in self.listen:
            there = listening.serving(wanted)
            if not there:
                return "nothing listens on %s" % wanted, False
            if own is not None and not there & own:
                return "it is not what listens on %s" % wanted, False
        return (self._ill(self.health) if self.health else ""), False

    def _ill(self, url: str) -> str:
        """How the service answers, if it does not do so well."""
        from ansible.module_utils.provision.http import ServiceError, Untrusted, call

        try:
            status, _ = call(url, timeout=5)
        except Untrusted as error:
            return "" if self.restored else error.message.rstrip(".")
        except ServiceError as error:
            return error.message.rstrip(".")
        return "" if 200 <= status < 300 else "%s answers %d" % (url, status)


def _is_under_way(seen: Dict[str, str]) -> bool:
    """Whether a start that was asked for goes on, or is done; not where it is tried again."""
    return units.has_job(seen) or seen.get("ActiveState") == "active"


def waiting(wanted: Dict[str, Any], service: Dict[str, Any], restored: bool) -> Waiting:
    """The wait for one of a module's services (options.WORKING)."""
    if service.get("health"):
        from ansible.module_utils.provision.http import know

        know(service["health"], service.get("tls"))
    return Waiting(
        show=lambda: units.asked(service["name"] + ".service").communicate()[0],
        listen=service.get("listen") or [],
        health=service.get("health"),
        timeout=wanted["timeout"],
        stable=max(wanted["stable_seconds"], service.get("stable") or 0),
        restored=restored,
    )
