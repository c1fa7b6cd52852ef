"""What files took the place of, kept in a folder until the new ones are seen to work."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import tempfile
from typing import Any, Dict, List, Optional, Sequence

from ansible.module_utils.provision import swap

_INDEX = "index.json"


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


def of(unfinished: Optional[str]) -> List[str]:
    """The paths whose old files are kept in a folder, if there is one for them."""
    return sorted(_index(unfinished)) if unfinished else []


def restore(unfinished: str) -> List[str]:
    """Put the kept files back, and drop their folder. Gives the paths that were changed."""
    index = _index(unfinished)
    if not index:
        return []
    swap.sweep(list(index))
    changed = []
    for path, kept in index.items():
        differs = True
        if kept["copy"] is None:
            differs = os.path.lexists(path)
            if differs:
                os.unlink(path)
        elif "link" in kept:
            _restore_link(path, kept)
        elif kept["copy"] != "lost":
            differs = _restore_file(path, kept, os.path.join(unfinished, kept["copy"]))
        if differs:
            changed.append(path)
    drop(unfinished)
    return sorted(changed)


def drop(unfinished: str) -> None:
    """Forget the kept files: the index first, for without all of them it is worth nothing."""
    if os.path.lexists(os.path.join(unfinished, _INDEX)):
        os.unlink(os.path.join(unfinished, _INDEX))
    shutil.rmtree(unfinished, ignore_errors=True)


def _restore_file(path: str, kept: Dict[str, Any], copy: str) -> bool:
    """Put a kept file back; gives whether it was another, perhaps none could be put there."""
    with open(copy, "rb") as file:
        old = file.read()
    if os.path.isfile(path) and not os.path.islink(path):
        with open(path, "rb") as file:
            if file.read() == old:
                return False
    directory, temporary = os.path.dirname(path), None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=swap.PART)
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
    return True


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
    directory = tempfile.mkdtemp(dir=os.path.dirname(path), prefix=swap.PART)
    try:
        temporary = os.path.join(directory, "link")
        os.symlink(kept["link"], temporary)
        os.chown(temporary, kept["uid"], kept["gid"], follow_symlinks=False)
        os.rename(temporary, path)
    finally:
        shutil.rmtree(directory)
