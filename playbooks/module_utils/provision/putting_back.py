"""Files as they were before: what the record knows of them, put back or taken away."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import Any, Dict, List, Optional

from ansible.module_utils.provision.record import Record, sum_of

#: What somebody changed after us is kept under this name.
ASIDE = ".provision-removed"
#: Their links are renamed when a service is disabled.
_SCRIPTS = "/etc/init.d/"


def step(role: str, kind: str, name: str, action: str, why: str) -> Dict[str, str]:
    """One thing that a removal does."""
    return {"role": role, "kind": kind, "name": name, "action": action, "why": why}


class Files:
    """The files, traces and directories of a record.

    traces_stay: whether a package stays that they may belong to. What plan() finds is added to
    steps and stays.
    """

    def __init__(
        self,
        record: Record,
        traces_stay: bool,
        steps: List[Dict[str, str]],
        stays: List[Dict[str, str]],
    ) -> None:
        self.record, self._traces_stay, self._steps, self._stays = record, traces_stay, steps, stays

    def changed(self) -> List[str]:
        """The files that are not as we placed them, nor as they were before."""
        found = []
        for path, each in self.record.files.items():
            known = (*each["sums"], *self.record.traces.get(path, ()), _old_sum(each["before"]))
            if _touched(path, each) and os.path.lexists(path) and sum_of(path) not in known:
                found.append(path)
        for path, sums in self.record.traces.items():
            if path in self.record.files or self._traces_stay:
                continue
            # Links are those of units and runlevels, which systemctl makes anew.
            if os.path.isfile(path) and not os.path.islink(path) and sum_of(path) not in sums:
                found.append(path)
        return found

    def plan(self) -> None:
        """Say what would be done."""
        changed = self.changed()
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

    def restore(self) -> None:
        """Put back what was there before, take away what was not."""
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

    def remove_traces(self) -> None:
        """Take away what packages' scripts have left, and is as they left it."""
        for path in sorted(self.record.traces, reverse=True):
            if os.path.isdir(path) and not os.path.islink(path):
                with contextlib.suppress(OSError):
                    os.rmdir(path)
            elif os.path.islink(path) or sum_of(path) in self.record.traces[path]:
                os.unlink(path)
            if path.startswith(_SCRIPTS):
                for link in glob.glob("/etc/rc?.d/[SK][0-9][0-9]" + os.path.basename(path)):
                    os.unlink(link)
            del self.record.traces[path]
        self.record.save()

    def remove_directories(self) -> None:
        """Take away those that were made, if nothing else is in them."""
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

    def units(self) -> List[str]:
        """The units of our making beside the services: they must not outlive their files."""
        return [
            os.path.basename(path)
            for path, each in self.record.files.items()
            if os.path.dirname(path) == "/etc/systemd/system"
            and each["before"] is None
            and each["sums"]
            and os.path.lexists(path)
        ]

    def set_aside(self) -> None:
        """Keep what somebody changed since, under another name."""
        for path in self.changed():
            os.rename(path, _aside(path))

    def _step(self, role: str, kind: str, name: str, action: str, why: str) -> None:
        self._steps.append(step(role, kind, name, action, why))

    def _stay(self, kind: str, name: str, why: str) -> None:
        self._stays.append({"kind": kind, "name": name, "why": why})


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
