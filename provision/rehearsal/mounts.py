"""Mounts, and deleting directories without ever descending into one."""

from __future__ import annotations

import re
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import processes


def parse(mountinfo: str) -> list[Path]:
    """The mount points of a mountinfo file (proc(5)), in the order in which they were mounted."""
    points = []
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) > 4:
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
            points.append(Path(point))
    return points


def beneath(directory: Path) -> list[Path]:
    """Mount points at or beneath a directory, the last mounted first."""
    directory = directory.resolve()
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [point for point in reversed(parse(text)) if point.is_relative_to(directory)]


def unmount(directory: Path) -> None:
    """Unmount all that is mounted at or beneath a directory. Raises ProvisionError if it can't."""
    for point in beneath(directory):
        if processes.run("umount", point, check=False).returncode != 0:
            processes.run("umount", "--lazy", point, check=False)
    left = beneath(directory)
    if left:
        raise ProvisionError(
            f"{left[0]} can't be unmounted, so {directory} was not deleted",
            remedy=f"find what uses it (fuser -vm {left[0]}), then umount it",
        )


def delete(directory: Path) -> None:
    """Unmount what is beneath a directory, then delete it, staying on its file system."""
    if not directory.exists():
        return
    unmount(directory)
    processes.run("rm", "-rf", "--one-file-system", "--", directory)


def overlay(lower: Path, directory: Path) -> Path:
    """Mount a writable overlay of lower; its layers are directory/{upper,work}. Gives the root."""
    root, upper, work = (directory / name for name in ("root", "upper", "work"))
    for path in (root, upper, work):
        path.mkdir(parents=True)
    upper.chmod(0o755)
    root.chmod(0o755)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    # Nothing is to survive: without volatile every fsync of dpkg and InfluxDB waits for the disk.
    for more in (",volatile", ""):
        mounted = processes.run(
            "mount", "-t", "overlay", "provision", "-o", options + more, root, check=False
        )
        if mounted.returncode == 0:
            return root
    raise ProvisionError(
        f"no overlay can be mounted in {directory}: {mounted.stderr.strip()}",
        remedy="put the cache (XDG_CACHE_HOME) on a file system that overlays can use, as ext4",
    )
