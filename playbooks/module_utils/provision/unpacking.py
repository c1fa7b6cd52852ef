"""Packages that are to go: which can, what goes with them, and their removal."""

from __future__ import annotations

import re
from typing import Callable, Collection, Dict, List, Sequence, Set, Tuple

from ansible.module_utils.provision import apt, installing

Run = Callable[[Sequence[str]], Tuple[int, str]]


class Packages:
    """Those of doomed, and of dependencies what nothing else needs.

    going: installed ones that can go; remaining: of which configuration is left; needed: name → the
    packages of others that would have to go with it.
    """

    def __init__(
        self, doomed: Collection[str], dependencies: Collection[str], run: Run = apt.run
    ) -> None:
        self._run, self._doomed = run, doomed
        there = installing.known() if doomed or dependencies else {}
        names = [name for name in doomed if there.get(name, {}).get("installed")]
        self.remaining = [name for name in doomed if name in there and name not in names]
        self.needed: Dict[str, List[str]] = {}
        if self._foreign(names, dependencies):
            for name in list(names):
                foreign = self._foreign([name], dependencies)
                if foreign:
                    self.needed[name] = sorted(foreign)
                    names.remove(name)
        with_them = self._simulated(["--auto-remove", *names]) & set(dependencies)
        self.going = [*names, *sorted(with_them)]

    def _foreign(self, names: Sequence[str], dependencies: Collection[str]) -> Set[str]:
        if not names:
            return set()
        return self._simulated(names) - {*self._doomed, *dependencies}

    def _simulated(self, words: Sequence[str]) -> Set[str]:
        """The packages that apt-get would remove."""
        _, said = self._run(["apt-get", "-s", "-q", "remove", *words])
        return set(re.findall(r"^Remv (\S+)", said, re.MULTILINE))

    def remove(self, purgeable: Callable[[str], bool], lock_timeout: int) -> None:
        """Remove those that go; purge those, and what remains, where that takes no data along.

        Raises AptError.
        """
        if self.going:
            self._apt("remove", self.going, lock_timeout)
        there = installing.known([*self.going, *self.remaining])
        left = [name for name in there if not there[name]["installed"] and purgeable(name)]
        if left:
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


def script_names(package: str, path: str) -> bool:
    """Whether the script that runs when a package is purged has anything to do with path."""
    try:
        with open("/var/lib/dpkg/info/%s.postrm" % package, errors="replace") as file:
            return path in file.read()
    except FileNotFoundError:
        return False
