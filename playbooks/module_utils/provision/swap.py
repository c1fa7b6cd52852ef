"""Swapping files: written atomically, checked in a private copy before, kept until seen to work."""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

_INDEX = "index.json"
#: How the names of files begin that are not whole yet.
_PART = ".provision-"
_CHECKS = "/run/provision"
_CHECK = "check-"


class SwapError(Exception):
    """The files are not put in place: message, and what an operator can do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


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
            descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=_PART)
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
            if name.startswith(_PART):
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


def keep(unfinished: str, paths: Sequence[str]) -> None:
    """Keep what is at paths now. What an unfinished swap has kept before is older, and stays.

    With no paths the folder alone is made: the swap is not finished, and there is no way back.
    """
    fresh = not os.path.isdir(unfinished)
    os.makedirs(unfinished, mode=0o700, exist_ok=True)
    try:
        _keep(unfinished, paths)
    except OSError as error:
        # Nothing was changed so far: that it began must not be remembered.
        if fresh:
            shutil.rmtree(unfinished, ignore_errors=True)
        error.filename = error.filename or unfinished
        raise


def _keep(unfinished: str, paths: Sequence[str]) -> None:
    index = _index(unfinished)
    for path in paths:
        if path in index:
            continue
        name = str(len(index))
        copy = os.path.join(unfinished, name)
        if os.path.islink(path):
            seen = os.lstat(path)
            index[path] = {
                "copy": name,
                "link": os.readlink(path),
                "uid": seen.st_uid,
                "gid": seen.st_gid,
            }
        elif os.path.isfile(path):
            shutil.copy2(path, copy)
            seen = os.lstat(path)
            index[path] = {
                "copy": name,
                "uid": seen.st_uid,
                "gid": seen.st_gid,
                "mode": stat.S_IMODE(seen.st_mode),
            }
        else:
            index[path] = {"copy": None if not os.path.lexists(path) else "lost"}
    temporary = os.path.join(unfinished, _INDEX + ".new")
    with open(temporary, "w") as file:
        json.dump(index, file)
    os.rename(temporary, os.path.join(unfinished, _INDEX))


def _index(unfinished: str) -> Dict[str, Any]:
    try:
        with open(os.path.join(unfinished, _INDEX)) as file:
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}


def restore(unfinished: str) -> List[str]:
    """Put the kept files back, and drop their folder. Gives the paths that were changed."""
    index = _index(unfinished)
    if not index:
        return []
    sweep(list(index))
    for path, kept in index.items():
        if kept["copy"] is None:
            if os.path.lexists(path):
                os.unlink(path)
        elif "link" in kept:
            _restore_link(path, kept)
        elif kept["copy"] != "lost":
            _restore_file(path, kept, os.path.join(unfinished, kept["copy"]))
    drop(unfinished)
    return sorted(index)


def drop(unfinished: str) -> None:
    """Forget the kept files: the index first, for without all of them it is worth nothing."""
    if os.path.lexists(os.path.join(unfinished, _INDEX)):
        os.unlink(os.path.join(unfinished, _INDEX))
    shutil.rmtree(unfinished, ignore_errors=True)


def _restore_file(path: str, kept: Dict[str, Any], copy: str) -> None:
    with open(copy, "rb") as file:
        old = file.read()
    if os.path.isfile(path) and not os.path.islink(path):
        with open(path, "rb") as file:
            if file.read() == old:
                # It was never changed, perhaps because it can't be.
                return
    directory, temporary = os.path.dirname(path), None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=_PART)
        with os.fdopen(descriptor, "wb") as file:
            file.write(old)
            os.fchown(file.fileno(), kept["uid"], kept["gid"])
            os.fchmod(file.fileno(), kept["mode"])
        os.rename(temporary, path)
    except OSError as error:
        if temporary:
            os.unlink(temporary)
        error.filename = path
        if error.errno != errno.ENOSPC or not os.path.isfile(path):
            raise
        _overwrite(path, kept, old, error)


def _overwrite(path: str, kept: Dict[str, Any], old: bytes, error: OSError) -> None:
    """Put the old content into the room that the new one has; the error if that is too little."""
    with open(path, "r+b") as file:
        try:
            # Takes all the room before a byte is changed.
            os.posix_fallocate(file.fileno(), 0, max(1, len(old)))
        except OSError:
            raise error from None
        file.write(old)
        file.truncate()
        os.fchown(file.fileno(), kept["uid"], kept["gid"])
        os.fchmod(file.fileno(), kept["mode"])


def _restore_link(path: str, kept: Dict[str, Any]) -> None:
    """Make a link that was kept, in one step as any other file."""
    directory = tempfile.mkdtemp(dir=os.path.dirname(path), prefix=_PART)
    try:
        temporary = os.path.join(directory, "link")
        os.symlink(kept["link"], temporary)
        os.chown(temporary, kept["uid"], kept["gid"], follow_symlinks=False)
        os.rename(temporary, path)
    finally:
        shutil.rmtree(directory)


def environment(text: str) -> Dict[str, str]:
    """The variables of a file that systemd reads as EnvironmentFile (simple quoting alone)."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z_]\w*)=(.*)$", line)
        if not match:
            continue
        value = match.group(2).strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = re.sub(r'\\(["\\$`])', r"\1", value[1:-1])
        elif len(value) >= 2 and value[0] == value[-1] == "'":
            value = value[1:-1]
        found[match.group(1)] = value
    return found


def check(wanted: Dict[str, Any], files: Sequence[Entry], doomed: Sequence[str]) -> None:
    """Run the check on a private copy with the new files laid over it; SwapError if it fails."""
    account = pwd.getpwnam(wanted["user"])
    os.makedirs(_CHECKS, mode=0o755, exist_ok=True)
    for name in os.listdir(_CHECKS):
        if name.startswith(_CHECK):  # of a check that was killed; no other is at work by now
            shutil.rmtree(os.path.join(_CHECKS, name), ignore_errors=True)
    root = tempfile.mkdtemp(dir=_CHECKS, prefix=_CHECK)
    try:
        for path in wanted["copies"]:
            _copy(path, root)
        for entry in files:
            entry.rooted(root, wanted.get("rooted") or ()).write(root)
        for path in doomed:
            if os.path.isdir(root + path):
                shutil.rmtree(root + path)
            elif os.path.lexists(root + path):
                os.unlink(root + path)
        os.chown(root, account.pw_uid, account.pw_gid)
        variables = {}
        if wanted.get("environment") and os.path.isfile(root + wanted["environment"]):
            with open(root + wanted["environment"]) as file:
                variables = environment(file.read())
        variables.update(
            (name, value.replace("{root}", root))
            for name, value in wanted.get("variables", {}).items()
        )
        _run([word.replace("{root}", root) for word in wanted["command"]], account, variables, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def reason(said: str) -> str:
    """The lines of a program's output that are its errors (or its last ones), without times."""
    lines = [re.sub(r"^\d{4}-\d\d-\d\dT\S+ ", "", line).strip() for line in said.splitlines()]
    lines = [line for line in lines if line]
    errors = [line for line in lines if line.startswith("E!")]
    return " / ".join((errors or lines)[-5:])[:1500].rstrip(".")


def _copy(path: str, root: str) -> None:
    """Copy a file or a folder with its owners."""
    if os.path.isdir(path):
        os.makedirs(root + path, exist_ok=True)
        shutil.copystat(path, root + path)
        seen = os.stat(path)
        os.chown(root + path, seen.st_uid, seen.st_gid)
        for name in os.listdir(path):
            _copy(os.path.join(path, name), root)
    elif os.path.isfile(path):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        shutil.copy2(path, root + path)
        seen = os.stat(path)
        os.chown(root + path, seen.st_uid, seen.st_gid)


def _run(
    command: List[str], account: pwd.struct_passwd, variables: Dict[str, str], root: str
) -> None:
    def become() -> None:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    try:
        done = subprocess.run(
            command,
            env=dict(variables, PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME=account.pw_dir),
            preexec_fn=become,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SwapError(
            "%s can't check the new configuration: %s." % (command[0], error),
            "see that the package is installed as a whole",
        ) from None
    if done.returncode:
        said = done.stdout.replace(root, "")
        for value in variables.values():
            if len(value) > 3:
                said = said.replace(value, "(secret)")
        raise SwapError(
            "%s refuses the new configuration, and the old one stays: %s."
            % (os.path.basename(command[0]), reason(said)),
            "mend the setting that it names and render again",
        )
