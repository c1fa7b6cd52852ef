"""The record of what provision put on this host, and of what was there before it came.

/var/lib/provision/record.json (root's, 0600), the old files beside it in before/. What changes
a host writes here first, so a run that is killed leaves nothing that is not recorded:

files        path → role, before (null: nothing was there), sums (SHA-256 of the last texts placed)
directories  path → role, before (null, or uid, gid and mode)
packages     name → role, before (null, or version and whether it was installed), version
dependencies names of packages that came with ours
traces       path → sums, of what the packages' own scripts and archives put into /etc
services     name → role, before (null, or UnitFileState and ActiveState)
data         path → role, before (whether it was there)
state        role → what was made in the service (users, databases, tokens)
roles        role → changed (seconds since 1970), by, version
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import json
import os
import stat
import subprocess
import tempfile
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set

from ansible.module_utils.provision.trouble import Trouble

ROOT = "/var/lib/provision"
FORMAT = 1
_NAME = "record.json"
#: What a file of ours says of itself: one that an unrecorded run left is nothing from before.
_MARK = b"Written by provision"
_PARTS = (
    *("files", "directories", "packages", "traces", "services", "data", "state", "roles"),
)  # fmt: skip
#: Where the services of a role keep what they are told or make: never removed without being asked.
DATA = {
    "influxdb": ("/var/lib/influxdb", "/var/log/influxdb"),
    "grafana": ("/var/lib/grafana", "/var/log/grafana"),
    "pushgateway": ("/var/lib/prometheus/pushgateway.data", "/var/log/prometheus"),
    "telegraf": ("/var/lib/telegraf/buffer", "/var/lib/telegraf", "/var/log/telegraf"),
}
_KEPT_SUMS = 4


class RecordError(Trouble):
    """The record can't be used."""


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    import hashlib  # takes 3 ms to load

    return hashlib.sha256(content).hexdigest()


def sum_of(path: str) -> Optional[str]:
    """What is at path, in short: a file's SHA-256, a link's target; None for anything else."""
    try:
        if os.path.islink(path):
            return "link:" + os.readlink(path)
        if stat.S_ISREG(os.lstat(path).st_mode):
            with open(path, "rb") as file:
                return digest(file.read())
    except OSError:
        pass
    return None


def replace(path: str, content: bytes, mode: int = 0o600) -> None:
    """Write a file as a whole, and have it on the disk before it is seen."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".provision-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class Record:
    """The record of a host. What is noted twice stays as it was noted first."""

    def __init__(self, root: str = ROOT) -> None:
        self.root = root
        self.path = os.path.join(root, _NAME)
        loaded = self._load()
        self.files: Dict[str, Any] = loaded["files"]
        self.directories: Dict[str, Any] = loaded["directories"]
        self.packages: Dict[str, Any] = loaded["packages"]
        self.dependencies: List[str] = loaded["dependencies"]
        self.traces: Dict[str, List[str]] = loaded["traces"]
        self.services: Dict[str, Any] = loaded["services"]
        self.data: Dict[str, Any] = loaded["data"]
        self.state: Dict[str, Any] = loaded["state"]
        self.roles: Dict[str, Any] = loaded["roles"]
        self._saved = copy.deepcopy(self.as_dict())
        #: Roles of which there was something of ours that no record knew.
        self._unrecorded: Set[str] = set()

    def _load(self) -> Dict[str, Any]:
        empty: Dict[str, Any] = {part: {} for part in _PARTS}
        empty["dependencies"] = []
        try:
            with open(self.path) as file:
                loaded = json.load(file)
            if loaded.get("format") != FORMAT:
                raise ValueError("its form is %r" % loaded.get("format"))
        except FileNotFoundError:
            return empty
        except (ValueError, AttributeError) as error:
            raise RecordError(
                "%s, the record of what was put on this host, can't be read: %s."
                % (self.path, error),
                "put the file back from a backup, or move it away: what is there now then counts"
                " as what was there before",
            ) from None
        return dict(empty, **loaded)

    def as_dict(self) -> Dict[str, Any]:
        """The form in which it is kept."""
        parts = {part: getattr(self, part) for part in (*_PARTS, "dependencies")}
        return dict(parts, format=FORMAT)

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return not any(getattr(self, part) for part in (*_PARTS, "dependencies"))

    def save(self) -> None:
        """Write it, if it is not as it was written last."""
        if self.as_dict() != self._saved:
            text = json.dumps(self.as_dict(), indent=1, sort_keys=True)
            replace(self.path, text.encode())
            self._saved = copy.deepcopy(self.as_dict())

    def note_paths(self, role: str, paths: Sequence[str]) -> None:
        """Files that will be placed or removed: what is there is kept."""
        for path in paths:
            if path not in self.files:
                self._note_parents(role, path)
                self.files[path] = {"role": role, "before": self._keep(role, path), "sums": []}

    def note_directories(self, role: str, paths: Sequence[str]) -> None:
        """Directories that will be made, or get another owner or mode."""
        for path in paths:
            if path not in self.directories:
                self._note_parents(role, path)
                self.directories[path] = {"role": role, "before": _ownership(path)}

    def _note_parents(self, role: str, path: str) -> None:
        parent = os.path.dirname(path)
        while not os.path.lexists(parent):
            self.directories.setdefault(parent, {"role": role, "before": None})
            parent = os.path.dirname(parent)

    def note_placing(self, path: str, new: str) -> None:
        """The digest of a file's new text: the last few are known as ours, for a run that is killed
        places none of the newest, and one that is rolled back an older one."""
        sums = self.files[path]["sums"]
        self.files[path]["sums"] = ([each for each in sums if each != new] + [new])[-_KEPT_SUMS:]

    def note_service(self, role: str, name: str) -> None:
        """A unit that will be started and enabled. One that runs with files of ours, as a run
        without a record left it, would not without them."""
        if name not in self.services:
            before = unit(name)
            if before and role in self._unrecorded:
                before = {"UnitFileState": "disabled", "ActiveState": "inactive"}
            self.services[name] = {"role": role, "before": before}

    def note_data(self, roles: Sequence[str]) -> None:
        """Where the services of roles will keep their data."""
        for role in roles:
            for path in DATA.get(role, ()):
                self.data.setdefault(path, {"role": role, "before": os.path.lexists(path)})

    def note_role(self, role: str, author: Dict[str, str]) -> None:
        """A role has changed something: now, by whom and with which version."""
        self.roles[role] = {
            "changed": int(time.time()),
            "by": author.get("by", ""),
            "version": author.get("version", ""),
        }

    def note_made(self, role: str, names: Sequence[str]) -> None:
        """What was made in a service."""
        made = self.state.setdefault(role, [])
        made += [name for name in names if name not in made]

    def kept(self, before: Dict[str, Any]) -> bytes:
        """The content of a file as it was before."""
        with open(os.path.join(self.root, before["copy"]), "rb") as file:
            return file.read()

    def _keep(self, role: str, path: str) -> Optional[Dict[str, Any]]:
        try:
            seen = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        known = {"uid": seen.st_uid, "gid": seen.st_gid}
        if stat.S_ISLNK(seen.st_mode):
            return dict(known, link=os.readlink(path))
        if not stat.S_ISREG(seen.st_mode):
            return dict(known, lost=True)
        with open(path, "rb") as file:
            content = file.read()
        if _MARK in content[:4096]:
            self._unrecorded.add(role)
            return None
        os.makedirs(os.path.join(self.root, "before"), mode=0o700, exist_ok=True)
        name = os.path.join("before", digest(path.encode())[:16])
        replace(os.path.join(self.root, name), content)
        mode = stat.S_IMODE(seen.st_mode)
        return dict(known, mode=mode, copy=name, sum=digest(content))


@contextlib.contextmanager
def writing(root: str = ROOT) -> Iterator[Record]:
    """The record, to note in it; written at the end. Others on this host wait."""
    os.makedirs(root, mode=0o700, exist_ok=True)
    with locked(root):
        record = Record(root)
        yield record
        record.save()


@contextlib.contextmanager
def locked(root: str = ROOT) -> Iterator[None]:
    """Nobody else on this host reads or writes the record."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def note(wanted: Dict[str, Any], root: str = ROOT) -> None:
    """Note all that a manifest will touch, as {"paths", "directories", "services"} by role, each a
    list; what is noted already is not looked at again."""
    with writing(root) as record:
        for role, paths in wanted["paths"].items():
            record.note_paths(role, paths)
        for role, paths in wanted["directories"].items():
            record.note_directories(role, paths)
        for role, names in wanted["services"].items():
            for name in names:
                record.note_service(role, name)
        record.note_data(list(wanted["services"]))


def _ownership(path: str) -> Optional[Dict[str, int]]:
    try:
        seen = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return {"uid": seen.st_uid, "gid": seen.st_gid, "mode": stat.S_IMODE(seen.st_mode)}


def unit(name: str) -> Optional[Dict[str, str]]:
    """UnitFileState and ActiveState of a systemd unit; None if there is no such unit."""
    shown = ("-p", "LoadState", "-p", "UnitFileState", "-p", "ActiveState")
    done = subprocess.run(
        ["systemctl", "show", *shown, "--", name + ".service"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    values = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    if values.pop("LoadState", "not-found") == "not-found":
        return None
    return values
