"""Packages that are to go: which can, what goes with them, and their removal."""

from __future__ import annotations

import re
from typing import Callable, Collection, Dict, List, Mapping, Sequence, Set, Tuple

from ansible.module_utils.provision import apt

Run = Callable[[Sequence[str]], Tuple[int, str]]

_STATES = "/var/lib/apt/extended_states"
#: The last is, for apt too, a reason to keep a package that was installed for another.
_RELATIONS = ("Pre-Depends", "Depends", "Recommends")


class Installed:
    """What dpkg knows: package → whether it is installed, and what installed ones want of others.

    Read once: asking apt, by a simulation, takes seconds on a small host.
    """

    def __init__(self, listing: str) -> None:
        """Listing is what dpkg-query prints with FORM."""
        self.known: Dict[str, bool] = {}
        self._needs: Dict[str, Set[str]] = {}
        self._likes: Dict[str, Set[str]] = {}
        self._provides: Dict[str, Set[str]] = {}
        for line in listing.splitlines():
            name, status, provides, *wanted = line.split("\t")
            installed = status.endswith(" installed")
            self.known[name] = self.known.get(name, False) or installed
            if installed:
                self._needs[name] = set().union(*map(_names, wanted[:-1]))
                self._likes[name] = _names(wanted[-1])
                self._provides[name] = {name, *_names(provides)}

    def needing(self, name: str, without: Collection[str], likes: bool = False) -> Set[str]:
        """The packages, but for some, that may need this one (or recommend it, with likes)."""
        provided = self._provides.get(name, {name})
        return {
            other
            for other, needs in self._needs.items()
            if other not in without
            and (needs & provided or (likes and self._likes[other] & provided))
        }


FORM = "\\t".join(
    ["${Package}", "${Status}", "${Provides}", *("${%s}" % each for each in _RELATIONS)]
)


def _names(relation: str) -> Set[str]:
    """The names in a field such as "adduser, libc6 (>= 2.34) | libc6.1", alternatives as well."""
    return set(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]+)", relation))


def automatic(states: str) -> Set[str]:
    """The packages that apt has installed for others, out of its extended_states."""
    return set(re.findall(r"^Package: (\S+)\n(?:.+\n)*?Auto-Installed: 1", states, re.MULTILINE))


class Packages:
    """Those of doomed, and of dependencies what nothing else needs.

    going: installed ones that can go; remaining: of which configuration is left; needed: name → the
    packages of others that need it.
    """

    def __init__(
        self,
        doomed: Collection[str],
        dependencies: Collection[str],
        run: Run = apt.run,
        states: str = _STATES,
    ) -> None:
        self._run = run
        self.needed: Dict[str, List[str]] = {}
        self.going: List[str] = []
        self.remaining: List[str] = []
        if not doomed and not dependencies:
            return
        there = self._installed()
        names = [name for name in doomed if there.known.get(name)]
        self.remaining = [name for name in doomed if name in there.known and name not in names]
        came = {name for name in dependencies if there.known.get(name)} & automatic(_read(states))
        while True:
            self.needed.update(_needed(names, there, {*names, *came}))
            wanted = set(_needed(came, there, {*names, *came}, likes=True))
            if not wanted and not set(names) & set(self.needed):
                break
            names = [name for name in names if name not in self.needed]
            came -= wanted
        self.going = [*names, *sorted(came)]

    def _installed(self) -> Installed:
        return Installed(self._run(["dpkg-query", "-W", "-f", FORM + "\\n"])[1])

    def remove(self, purgeable: Callable[[str], bool], lock_timeout: int) -> None:
        """Remove those that go; purge those, and what remains, where that takes no data along.

        Raises AptError.
        """
        if self.going:
            self._apt("remove", self.going, lock_timeout)
        names = [*self.going, *self.remaining]
        if not names:
            return
        # What was killed as it was unpacked or removed is purged in two steps.
        for _ in range(2):
            known = self._installed().known
            left = [name for name in names if known.get(name) is False and purgeable(name)]
            if not left:
                return
            self._apt("purge", left, lock_timeout)

    def _apt(self, what: str, names: Sequence[str], lock_timeout: int) -> None:
        command = [
            *("apt-get", what, "-y", "-q", "--allow-change-held-packages"),
            *("-o", "DPkg::Lock::Timeout=%d" % lock_timeout, *names),
        ]
        status, said = self._run(command)
        if status:
            # A removal that was cut short is finished first.
            self._run(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"])
            status, said = self._run(command)
        if status:
            lines = [line for line in said.strip().splitlines() if line.strip()]
            errors = [line for line in lines if line.startswith("E:")]
            raise apt.AptError(
                "%s can't be removed: %s." % (", ".join(names), " / ".join(errors or lines[-3:])),
                "run `apt-get %s %s` on the host to see it all, then `provision remove` again"
                % (what, " ".join(names)),
            )


def _needed(
    names: Collection[str], there: Installed, without: Collection[str], likes: bool = False
) -> Mapping[str, List[str]]:
    found = {name: sorted(there.needing(name, without, likes)) for name in names}
    return {name: others for name, others in found.items() if others}


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def script_names(package: str, path: str) -> bool:
    """Whether the script that runs when a package is purged has anything to do with path."""
    try:
        with open("/var/lib/dpkg/info/%s.postrm" % package, errors="replace") as file:
            return path in file.read()
    except FileNotFoundError:
        return False
