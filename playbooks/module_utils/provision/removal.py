"""Taking away what the record says that provision put on this host.

plan() says what would be done and what stays; Removal.carry_out() does it, and takes out of the
record what is done, so that one that is killed is finished by the next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import Any, Callable, Dict, Iterator, List, Optional

from ansible.module_utils.provision import letting_in, putting_back, starts, unpacking
from ansible.module_utils.provision.record import Record, sum_of, unit

_ENABLED = ("enabled", "enabled-runtime")
#: What runs leave beside the record: unfinished swaps, locks, an interrupted installation's policy.
_LEFT = ("/run/provision", "/run/provision-policy-rc.d.lock")
_PATIENCE = 30.0


class Removal:
    """One host's removal. data: whether what the services have stored goes, too."""

    def __init__(
        self,
        record: Record,
        data: bool,
        unit_of: Callable[[str], Optional[Dict[str, str]]] = unit,
        packages: Optional[unpacking.Packages] = None,
    ) -> None:
        self.record, self.data, self._unit = record, data, unit_of
        self.steps: List[Dict[str, str]] = []
        self.stays: List[Dict[str, str]] = []
        doomed = {
            name: each
            for name, each in record.packages.items()
            if not (each["before"] or {}).get("installed")
        }
        self.packages = packages or unpacking.Packages(doomed, record.dependencies)
        self.files = putting_back.Files(record, bool(self.packages.needed), self.steps, self.stays)

    def plan(self) -> None:
        """Fill in steps and stays, each {"role", "kind", "name", "action", "why"}."""
        self._plan_services()
        self._plan_packages()
        self.files.plan()
        self._plan_data()
        self._plan_made()

    def carry_out(self, lock_timeout: int) -> List[str]:
        """Do it. Gives what went wrong without stopping the rest; raises AptError."""
        for name, each in self._going_services():
            _systemctl("disable", "--now", name) if not _was(each, "enabled") else _systemctl(
                "stop", name
            )
        for name in self.files.units():
            _systemctl("disable", "--now", name)
        # A service that ran before is not stopped, which would take its rules away.
        letting_in.now(self.record.files)
        self.files.set_aside()
        self.packages.remove(self._purgeable, lock_timeout)
        self.files.restore()
        if self.data:
            for path in self._own_data():
                if os.path.isdir(path):  # somebody may have moved it, and left a link
                    for name in os.listdir(path):
                        _delete(os.path.join(path, name))
                _delete(path)
        if not self.packages.needed:
            self.files.remove_traces()
        self.files.remove_directories()
        problems = self._bring_back()
        self._finish()
        return problems

    # Services

    def _going_services(self) -> Iterator[Any]:
        """Those that did not run before and do now, or start with the host."""
        for name, each in self.record.services.items():
            seen = self._unit(name)
            if seen is None or _was(each, "active"):
                continue
            enabled = seen.get("UnitFileState") in _ENABLED and not _was(each, "enabled")
            if enabled or seen.get("ActiveState") not in ("inactive", "failed"):
                yield name, each

    def _plan_services(self) -> None:
        for name, each in self._going_services():
            why = "it did not run before" if each["before"] else "it was not there before"
            self._step(each["role"], "service", name, "stop", why)
        for name, each in self.record.services.items():
            if _was(each, "active"):
                why = "it ran before, and shall run as it was"
                self._step(each["role"], "service", name, "restart", why)

    def _bring_back(self) -> List[str]:
        problems = []
        if self.record.services:
            _systemctl("daemon-reload")
        for name, each in self.record.services.items():
            if self._unit(name) is None:
                _systemctl("reset-failed", name)
                continue
            if _was(each, "enabled"):
                _systemctl("enable", name)
            if _was(each, "active"):
                _systemctl("restart", "--no-block", name)
                if not self._comes_up(name):
                    problems.append("%s does not run with its old configuration" % name)
        return problems

    def _comes_up(self, name: str) -> bool:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if (self._unit(name) or {}).get("ActiveState") == "active":
                return True
            time.sleep(0.2)
        return False

    # Packages

    def _purgeable(self, name: str) -> bool:
        """Whether nothing but configuration goes with a purge: its script may know of data."""
        each = self.record.packages.get(name)
        if each is None:
            return True
        if each["before"]:  # its configuration was there before us
            return False
        kept = not self.data and any(
            os.path.exists(path)
            for path, data in self.record.data.items()
            if data["role"] == each["role"]
        )
        return not (kept and unpacking.script_names(name, "/var/lib"))

    def _plan_packages(self) -> None:
        for name in self.packages.going:
            each = self.record.packages.get(name)
            role = each["role"] if each else "packages"
            why = "it was not installed before" if each else "it came with them"
            self._step(role, "package", name, "remove", why)
        for name in self.packages.remaining:
            if self._purgeable(name):
                role = self.record.packages[name]["role"]
                self._step(role, "package", name, "purge", "of it only configuration is left")
        for name, who in self.packages.needed.items():
            self._stay("package", name, "%s needs it" % ", ".join(who))
        for name, each in self.record.packages.items():
            before = each["before"] or {}
            if before.get("installed"):
                now = each.get("version", before["version"])
                why = "it was installed before"
                if now != before["version"]:
                    why += " (as %s, now %s)" % (before["version"], now)
                self._stay("package", name, why)

    # Data

    def _own_data(self) -> List[str]:
        """Where data is that was not there before, and not of a package that stays."""
        staying = {
            each["role"]
            for name, each in self.record.packages.items()
            if name not in self.packages.going and (each["before"] or {}).get("installed")
        }
        found: List[str] = []
        for path, each in sorted(self.record.data.items()):
            ours = not each["before"] and (each["role"] not in staying or self._in_theirs(path))
            if ours and _holds(path, self.record) and os.path.dirname(path) not in found:
                found.append(path)
        return found

    def _in_theirs(self, path: str) -> bool:
        """Whether it is a part of our making in what was there before."""
        return bool(self.record.data.get(os.path.dirname(path), {}).get("before"))

    def _plan_data(self) -> None:
        own = self._own_data()
        for path in own:
            if self.data:
                role = self.record.data[path]["role"]
                self._step(role, "data", path, "delete", "%s" % _size(path))
            else:
                self._stay("data", path, "%s; --data deletes it" % _size(path))
        for path, each in self.record.data.items():
            if path not in own and each["before"] and _holds(path, self.record):
                self._stay("data", path, "it was there before")

    def _plan_made(self) -> None:
        """What was made in a service that was there before: nothing else says whose it is."""
        own = {
            each["role"]
            for each in self.record.packages.values()
            if not (each["before"] or {}).get("installed")
        }
        for role, names in self.record.state.items():
            if role not in own and names:
                self._stay("state", ", ".join(names), "made in a %s that was there before" % role)

    # The end

    def _finish(self) -> None:
        record = self.record
        own = self._own_data()
        record.packages = {
            name: each
            for name, each in record.packages.items()
            if name in self.packages.needed or (own and not (each["before"] or {}).get("installed"))
        }
        record.data = {path: each for path, each in record.data.items() if path in own}
        record.dependencies = [name for name in record.dependencies if self.packages.needed]
        record.services, record.state, record.roles = {}, {}, {}
        starts.forget()
        for path in _LEFT:
            _delete(path)
        for name in os.listdir(record.root):
            if name != os.path.basename(record.path):
                _delete(os.path.join(record.root, name))
        if record.data or self.packages.needed:
            record.save()
        else:
            shutil.rmtree(record.root)

    def _step(self, role: str, kind: str, name: str, action: str, why: str) -> None:
        self.steps.append(putting_back.step(role, kind, name, action, why))

    def _stay(self, kind: str, name: str, why: str) -> None:
        self.stays.append({"kind": kind, "name": name, "why": why})


def _was(service: Dict[str, Any], what: str) -> bool:
    """Whether a service was active, or enabled, before us."""
    before = service["before"] or {}
    if what == "active":
        return before.get("ActiveState") in ("active", "activating", "reloading")
    return before.get("UnitFileState") in _ENABLED


def _holds(path: str, record: Record) -> bool:
    """Whether there is something at path that nothing but its service has put there."""
    if not os.path.isdir(path):
        return os.path.lexists(path)
    return any(
        sum_of(os.path.join(at, name)) not in record.traces.get(os.path.join(at, name), ())
        for at, _, names in os.walk(path)
        for name in names
    )


def _size(path: str) -> str:
    total = os.lstat(path).st_size if os.path.isfile(path) else 0
    for at, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(at, name)).st_size
    for unit_name in ("B", "KiB", "MiB", "GiB"):
        if total < 1024:
            return "%d %s" % (total, unit_name)
        total //= 1024
    return "%d TiB" % total


def _delete(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            _delete(os.path.join(path, name))
        with contextlib.suppress(OSError):  # a volume of its own is mounted there
            os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _systemctl(*words: str) -> None:
    """Ask for what there may be nothing to do for."""
    command = ["systemctl", *words]
    with contextlib.suppress(OSError):
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
