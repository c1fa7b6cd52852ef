"""The one place of the rehearsal that starts programs, and knows which ones it needs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal.progress import Step

# Program -> the Debian package that brings it.
DEBIAN_PACKAGES = {
    "apt-ftparchive": "apt-utils",
    "apt-get": "apt",
    "debootstrap": "debootstrap",
    "dpkg-deb": "dpkg",
    "gpg": "gnupg",
    "gpgconf": "gnupg",
    "ip": "iproute2",
    "iptables": "iptables",
    "mount": "mount",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "umount": "mount",
}

# Where administration programs are, which the PATH of an ordinary user lacks.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")

_running: dict[int, set[int]] = {}  # thread -> process groups that it waits for
_ended: set[int] = set()  # threads that may not start another
_running_lock = threading.Lock()


def search_path() -> str:
    """PATH, and where administration programs are."""
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*places, *(place for place in _SBIN if place not in places)])


def find(program: str) -> str | None:
    """Path of a program, on search_path()."""
    return shutil.which(program, path=search_path())


def require(programs: Iterable[str], *, purpose: str) -> None:
    """Raise ProvisionError that names the Debian packages to install if a program is missing."""
    missing = sorted({program for program in programs if find(program) is None})
    if missing:
        packages = sorted({DEBIAN_PACKAGES.get(program, program) for program in missing})
        raise ProvisionError(
            f"{purpose} needs {', '.join(missing)}, not found on this machine",
            remedy=f"apt-get install {' '.join(packages)}",
        )


def require_root(*, purpose: str) -> None:
    """Raise ProvisionError unless this process is root's."""
    if os.geteuid() != 0:
        raise ProvisionError(f"{purpose} needs root", remedy="run it as root, or with sudo")


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, "PATH": search_path(), **(extra or {})}


def run(
    *argv: str | Path,
    check: bool = True,
    stdin: str | None = None,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a short program and capture what it says; timeout in seconds.

    Raises ProvisionError with its last lines if check is set and it fails, or if it takes longer.
    """
    command = [str(word) for word in argv]
    try:
        result = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            env=_environment(environment),
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        package = DEBIAN_PACKAGES.get(command[0], command[0])
        raise ProvisionError(
            f"{command[0]}: not found on this machine", remedy=f"apt-get install {package}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(f"{command[0]} took longer than {timeout:g} s") from error
    if check and result.returncode != 0:
        raise failure(command, result.returncode, (result.stderr or result.stdout).splitlines())
    return result


def failure(command: Sequence[str], status: int, lines: Sequence[str]) -> ProvisionError:
    """The error that tells which program failed, how, and the last lines that it said."""
    how = f"was ended by signal {-status}" if status < 0 else f"failed with status {status}"
    said = "\n".join(f"  {line}" for line in list(lines)[-15:] if line.strip())
    return ProvisionError(f"{' '.join(command[:3])} {how}" + (f":\n{said}" if said else ""))


def build(
    argv: Sequence[str | Path],
    *,
    log: Path,
    step: Step,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    hold: Sequence[int] = (),
) -> None:
    """Run a long program: its output goes to a log, the last line of it to the step.

    It has a process group of its own, ended as a whole when this call is interrupted. The file
    descriptors in hold are inherited, so that a lock outlives this process as long as it runs.
    Raises ProvisionError with the log's last lines if it fails.
    """
    command = [str(word) for word in argv]
    last: deque[str] = deque(maxlen=40)
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=_environment(environment),
        cwd=cwd,
        start_new_session=True,
        pass_fds=tuple(hold),
    )
    thread = threading.get_ident()
    with _running_lock:
        if thread in _ended:
            _end_group(process.pid)
        _running.setdefault(thread, set()).add(process.pid)
    try:
        with process, log.open("a", buffering=1, encoding="utf-8") as file:
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    file.write(line)
                    last.append(line.rstrip())
                    step.note(line.strip())
                status = process.wait()
            except BaseException:
                _end_group(process.pid)
                raise
    finally:
        with _running_lock:
            _running[thread].discard(process.pid)
    if status != 0:
        error = failure(command, status, list(last))
        error.remedy = f"the whole log is {log}"
        raise error


def end_of_threads(threads: Iterable[int]) -> None:
    """End the long programs that these threads (by ident) wait for, and those they still start."""
    with _running_lock:
        _ended.update(threads)
        groups = [group for thread in threads for group in _running.get(thread, ())]
    for group in groups:
        _end_group(group)


def forget_threads(threads: Iterable[int]) -> None:
    """These threads are over, and their idents may be used again."""
    with _running_lock:
        _ended.difference_update(threads)


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def kill_all(find: Callable[[], set[int]], whose: object, timeout: float) -> None:
    """Kill the processes that find() gives, until it gives none.

    Raises ProvisionError, which says whose they are, if some do not end within timeout seconds.
    """
    deadline = time.monotonic() + timeout
    while left := find():
        if time.monotonic() > deadline:
            raise ProvisionError(f"processes of {whose} don't end: {sorted(left)}")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), stat field 22); None if gone.

    With it a recorded process id can't be mistaken for a later process of the same number. A
    zombie counts as gone.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def end(pid: int, started: int) -> None:
    """Kill a process if it is the one that started then, and wait until it is gone."""
    while start_time(pid) == started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
