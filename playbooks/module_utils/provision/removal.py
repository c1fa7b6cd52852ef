"""Taking away what the record says that provision put on this host.

plan() says what would be done and what stays; Removal.carry_out() does it, and takes out of the
record what is done, so that one that is killed is finished by the next.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import time
from typing import Any, Callable, Dict, Iterator, List, Optional

from ansible.module_utils.provision import unpacking
from ansible.module_utils.provision.record import Record, sum_of, unit

#: What somebody changed after us is kept under this name.
ASIDE = ".provision-removed"
_ENABLED = ("enabled", "enabled-runtime")
#: What runs leave beside the record: unfinished swaps, locks, an interrupted installation's policy.
_LEFT = ("/run/provision", "/run/provision-policy-rc.d.lock")
_PATIENCE = 30.0
#: Their links are renamed when a service is disabled.
_SCRIPTS = "/etc/init.d/"

Step = Dict[str, str]


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
        self.steps: List[Step] = []
        self.stays: List[Step] = []
        doomed = {
            name: each
            for name, each in record.packages.items()
            if not (each["before"] or {}).get("installed")
        }
        self.packages = packages or unpacking.Packages(doomed, record.dependencies)

    def plan(self) -> None:
        """Fill in steps and stays, each {"role", "kind", "name", "action", "why"}."""
        self._plan_services()
        self._plan_packages()
        self._plan_files()
        self._plan_data()
        self._plan_made()

    def carry_out(self, lock_timeout: int) -> List[str]:
        """Do it. Gives what went wrong without stopping the rest; raises AptError."""
        for name, each in self._going_services():
            _systemctl("disable", "--now", name) if not _was(each, "enabled") else _systemctl(
                "stop", name
            )
        for path in self._changed():
            os.rename(path, _aside(path))
        self.packages.remove(self._purgeable, lock_timeout)
        self._remove_files()
        if self.data:
            for path in self._own_data():
                _delete(path)
        self._remove_traces()
        self._remove_directories()
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

    # Files

    def _changed(self) -> List[str]:
        """The files that are not as we placed them, nor as they were before."""
        found = []
        for path, each in self.record.files.items():
            known = (*each["sums"], *self.record.traces.get(path, ()), _old_sum(each["before"]))
            if _touched(path, each) and os.path.lexists(path) and sum_of(path) not in known:
                found.append(path)
        for path, sums in self.record.traces.items():
            if path in self.record.files or self._of_staying(path):
                continue
            if os.path.lexists(path) and not os.path.isdir(path) and sum_of(path) not in sums:
                found.append(path)
        return found

    def _of_staying(self, path: str) -> bool:
        """Whether a trace is of a package that something else needs."""
        return bool(self.packages.needed)

    def _plan_files(self) -> None:
        changed = self._changed()
        for path in changed:
            role = self.record.files.get(path, {}).get("role", "packages")
            why = "somebody changed it since; it is kept as %s" % _aside(path)
            self._step(role, "file", path, "set aside", why)
        for path, each in self.record.files.items():
            before, there = each["before"], os.path.lexists(path)
            if not _touched(path, each):
                continue
            if before is None:
                if there and path not in changed:
                    self._step(each["role"], "file", path, "remove", "it was not there before")
            elif before.get("lost"):
                self._stay("file", path, "what was there before was no file, and is lost")
            elif sum_of(path) != _old_sum(before):
                self._step(each["role"], "file", path, "put back", "there was another before")

    def _remove_files(self) -> None:
        for path, each in list(self.record.files.items()):
            before = each["before"]
            if before is None:
                if each["sums"] and os.path.lexists(path) and not os.path.isdir(path):
                    os.unlink(path)
            elif _touched(path, each) and not before.get("lost"):
                self._put_back(path, before)
            del self.record.files[path]
            self.record.save()

    def _put_back(self, path: str, before: Dict[str, Any]) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = path + ".provision-new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if "link" in before:
            os.symlink(before["link"], temporary)
            os.chown(temporary, before["uid"], before["gid"], follow_symlinks=False)
        else:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.record.kept(before))
                os.fchown(file.fileno(), before["uid"], before["gid"])
                os.fchmod(file.fileno(), before["mode"])
                file.flush()
                os.fsync(file.fileno())
        os.rename(temporary, path)

    def _remove_traces(self) -> None:
        if self.packages.needed:
            return
        for path in sorted(self.record.traces, reverse=True):
            if os.path.isdir(path) and not os.path.islink(path):
                with contextlib.suppress(OSError):
                    os.rmdir(path)
            elif sum_of(path) in self.record.traces[path]:
                os.unlink(path)
            if path.startswith(_SCRIPTS):
                for link in glob.glob("/etc/rc?.d/[SK][0-9][0-9]" + os.path.basename(path)):
                    os.unlink(link)
            del self.record.traces[path]
        self.record.save()

    def _remove_directories(self) -> None:
        for path in sorted(self.record.directories, reverse=True):
            before = self.record.directories[path]["before"]
            if before is None:
                with contextlib.suppress(OSError):  # it is gone, or holds what is not ours
                    os.rmdir(path)
            elif os.path.isdir(path):
                os.chown(path, before["uid"], before["gid"])
                os.chmod(path, before["mode"])
            del self.record.directories[path]
        self.record.save()

    # Data

    def _own_data(self) -> List[str]:
        """Where data is that was not there before, and not of a package that stays."""
        staying = {
            each["role"]
            for name, each in self.record.packages.items()
            if name not in self.packages.going and (each["before"] or {}).get("installed")
        }
        return [
            path
            for path, each in self.record.data.items()
            if not each["before"] and each["role"] not in staying and _holds(path, self.record)
        ]

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
        self.steps.append(
            {"role": role, "kind": kind, "name": name, "action": action, "why": why}
        )  # fmt: skip

    def _stay(self, kind: str, name: str, why: str) -> None:
        self.stays.append({"kind": kind, "name": name, "why": why})


def _was(service: Dict[str, Any], what: str) -> bool:
    """Whether a service was active, or enabled, before us."""
    before = service["before"] or {}
    if what == "active":
        return before.get("ActiveState") in ("active", "activating", "reloading")
    return before.get("UnitFileState") in _ENABLED


def _touched(path: str, file: Dict[str, Any]) -> bool:
    """Whether a file that was noted was then really placed, or removed."""
    return bool(file["sums"]) or (file["before"] is not None and not os.path.lexists(path))


def _old_sum(before: Optional[Dict[str, Any]]) -> Optional[str]:
    if before is None:
        return None
    return "link:" + before["link"] if "link" in before else before.get("sum")


def _aside(path: str) -> str:
    """A free name beside path."""
    found, number = path + ASIDE, 1
    while os.path.lexists(found):
        number += 1
        found = "%s%s-%d" % (path, ASIDE, number)
    return found


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
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _systemctl(*words: str) -> None:
    subprocess.run(
        ["systemctl", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
