"""Files that take the place of others: each written as a whole, and all of them or none."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import tempfile
from typing import Callable, List, Optional, Sequence, Tuple

from ansible.module_utils.provision.trouble import Trouble

#: How the names of files begin that are not whole yet.
PART = ".provision-"


class SwapError(Trouble):
    """The files are not put in place."""


class Entry:
    """A file (or, with content None, a directory) as it shall be."""

    def __init__(
        self, path: str, owner: str, group: str, mode: int, content: Optional[bytes]
    ) -> None:
        self.path, self.owner, self.group, self.mode, self.content = (
            path,
            owner,
            group,
            mode,
            content,
        )

    def account(self) -> Tuple[int, int]:
        """The ids of owner and group. SwapError if the host has no such account."""
        try:
            return pwd.getpwnam(self.owner).pw_uid, grp.getgrnam(self.group).gr_gid
        except KeyError as error:
            raise SwapError(
                "%s shall be of %s:%s, and the host has no such account (%s)."
                % (self.path, self.owner, self.group, str(error).strip("'\"")),
                "see why the package that makes it is not installed",
            ) from None

    def content_differs(self) -> bool:
        """Whether there is not an ordinary file of that content."""
        try:
            if not stat.S_ISREG(os.lstat(self.path).st_mode):
                return True
            with open(self.path, "rb") as file:
                return file.read() != self.content
        except OSError:
            return True

    def ownership_differs(self) -> bool:
        """Whether owner, group or mode are not those wanted (or there is nothing at all)."""
        try:
            seen = os.lstat(self.path)
        except OSError:
            return True
        if self.content is None and not stat.S_ISDIR(seen.st_mode):
            return True
        try:
            account = self.account()
        except SwapError:
            return True
        return (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) != (*account, self.mode)

    def own(self) -> None:
        """Set owner, group and mode of what is there."""
        os.chown(self.path, *self.account())
        os.chmod(self.path, self.mode)

    def make_directory(self) -> None:
        """Make the directory, or give it its owner and mode."""
        if os.path.islink(self.path) or os.path.isfile(self.path):
            os.unlink(self.path)
        os.makedirs(self.path, mode=0o755, exist_ok=True)
        self.own()

    def rooted(self, root: str, paths: Sequence[str]) -> "Entry":
        """The same file, with what it says of paths being below root."""
        content = self.content or b""
        for path in paths:
            content = content.replace(path.encode(), (root + path).encode())
        return Entry(self.path, self.owner, self.group, self.mode, content)

    def write(self, root: str = "") -> None:
        """Write the file as a whole under root: readers see the old one or the new one."""
        self.swap_in(self.stage(root), root)

    def stage(self, root: str = "") -> str:
        """Write the file beside its place under root, and give where."""
        path = root + self.path
        directory = os.path.dirname(path)
        temporary = None
        try:
            os.makedirs(directory, mode=0o755, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=PART)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.content or b"")
                os.fchown(file.fileno(), *self.account())
                os.fchmod(file.fileno(), self.mode)
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            if temporary:
                os.unlink(temporary)
            if isinstance(error, OSError):
                # The temporary name would tell nobody which file it is about.
                error.filename = path
            raise
        return temporary

    def swap_in(self, staged: str, root: str = "") -> None:
        """Put what was staged into its place."""
        path = root + self.path
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            os.rename(staged, path)
        except BaseException:
            os.unlink(staged)
            raise


def write_all(entries: Sequence[Entry], ready: Callable[[], None] = lambda: None) -> None:
    """Write files all or none, where it is room that is lacking: all are staged before the first
    takes its place. ready is called between the two.
    """
    staged: List[Tuple[Entry, str]] = []
    try:
        for entry in entries:
            staged.append((entry, entry.stage()))  # noqa: PERF401 - those before a failure count
        ready()
        while staged:
            entry, temporary = staged.pop(0)
            entry.swap_in(temporary)
    finally:
        for _, temporary in staged:
            os.unlink(temporary)


def sweep(paths: Sequence[str]) -> None:
    """Delete what a killed swap has left half written beside paths: it may hold secrets."""
    for directory in sorted({os.path.dirname(path) for path in paths}):
        for name in os.listdir(directory) if os.path.isdir(directory) else ():
            if name.startswith(PART):
                path = os.path.join(directory, name)
                (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)


def strays(directory: str, explained: Sequence[str]) -> List[str]:
    """What is in an exclusive directory and is neither explained nor on the way to what is."""
    keep = set(explained)
    for path in explained:
        while os.path.dirname(path) != path:
            path = os.path.dirname(path)
            keep.add(path)
    found = []
    for parent, directories, files in os.walk(directory):
        for name in list(directories):
            path = os.path.join(parent, name)
            if path not in keep:
                found.append(path)
                directories.remove(name)
        found += [os.path.join(parent, name) for name in files]
    return [path for path in found if path not in keep]
