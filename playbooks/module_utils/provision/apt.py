"""apt-get and dpkg, as this project uses them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, TextIO, Tuple

from ansible.module_utils.provision import versions

_POLICY = "/usr/sbin/policy-rc.d"
_POLICY_LOCK = "/run/provision-policy-rc.d.lock"
_MARK = "# written by provision"
#: A number of a process may be another's later; together with when it was started it is not.
_POLICY_TEXT = """#!/bin/sh
%(mark)s
started=$(sed 's/.*) //' /proc/%(pid)d/stat 2>/dev/null | cut -d ' ' -f 20)
[ "$started" = %(started)s ] && exit 101
exit 0
"""
#: What apt-get and dpkg say of a lock.
_LOCKED = re.compile(r"Could not get lock|Unable to lock|(is|was) locked by another process")
#: What apt-get update says of a source that it could not read.
_UNREAD = re.compile(r"E: .*://|W: (Failed to fetch|GPG error|An error occurred)")
_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "NEEDRESTART_SUSPEND": "1",
    "LC_ALL": "C",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


class AptError(Exception):
    """A package can't be installed: message, and what an operator can do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def run(command: Sequence[str]) -> Tuple[int, str]:
    """Exit status and output of a command."""
    done = subprocess.run(
        command,
        env=dict(os.environ, **_ENVIRONMENT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    return done.returncode, done.stdout


def installed_version(name: str) -> Optional[str]:
    """The version of a package that is installed as a whole."""
    status, output = run(["dpkg-query", "-W", "-f", "${Status}\t${Version}", "--", name])
    state, _, version = output.partition("\t")
    return version if status == 0 and state.endswith(" installed") else None


def to_install(packages: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The packages that are not there, or not in the version that is pinned."""
    found = []
    for package in packages:
        version = installed_version(package["name"])
        pinned = package.get("version")
        if version is None or (pinned and not versions.fits(version, pinned)):
            found.append(package)
    return found


def candidates(policy: str) -> List[Tuple[str, int, List[str]]]:
    """(version, priority, sources) of each version in the output of apt-cache policy."""
    found: List[Tuple[str, int, List[str]]] = []
    table = policy.split("Version table:", 1)[-1]
    for line in table.splitlines():
        version = re.match(r"^ (?:\*\*\*|   ) (\S+) (-?\d+)", line)
        source = re.match(r"^ {5,}\s*(-?\d+) (\S+)(?: (\S+))?", line)
        if version:
            found.append((version.group(1), int(version.group(2)), []))
        elif source and found:
            found[-1][2].append(source.group(2))
    return found


def choose(package: Dict[str, Any], url: Optional[str], policy: str) -> Optional[str]:
    """The version to install: of the wanted repository (or any), as pinned, and not forbidden by a
    pin. Of several it is the one that apt prefers, which need not be the newest (backports).
    """
    fitting = []
    for version, priority, sources in candidates(policy):
        if priority < 0:
            continue
        if url and not any(source.rstrip("/") == url.rstrip("/") for source in sources):
            continue
        if not package.get("version") or versions.fits(version, package["version"]):
            fitting.append((priority, version))
    # apt lists the newest first, and the first of equals is taken.
    return max(fitting, key=lambda each: each[0])[1] if fitting else None


def install(
    packages: Sequence[Dict[str, Any]],
    repositories: Sequence[Dict[str, Any]],
    sources: Sequence[str],
    lock_timeout: int,
) -> List[str]:
    """Install packages; gives name=version of each. Raises AptError."""
    _mend(lock_timeout)
    urls = {repository["name"]: repository["url"] for repository in repositories}
    for path in sources:
        _update(repositories, lock_timeout, only=path)
    try:
        return _try(packages, urls, lock_timeout)
    except AptError:
        # Some packages, and what all of them depend on, come from the system's own repositories,
        # whose indexes may be old, or missing altogether on a fresh host.
        unread = _update(repositories, lock_timeout)
        return _try(packages, urls, lock_timeout, unread)


def _run_unlocked(command: Sequence[str], lock_timeout: int) -> Tuple[int, str]:
    """As run, but again while another program holds the lock. AptError if it does for too long."""
    deadline = time.monotonic() + lock_timeout
    while True:
        status, output = run(command)
        if not _LOCKED.search(output):
            return status, output
        if time.monotonic() > deadline:
            raise AptError(
                "Another program holds apt's lock for %d s already." % lock_timeout,
                "see what it is (ps aux | grep -e apt -e dpkg) and run again",
            )
        time.sleep(1)


def _mend(lock_timeout: int) -> None:
    status, output = run(["dpkg", "--audit"])
    if status == 0 and not output.strip():
        return
    status, output = _run_unlocked(
        ["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], lock_timeout
    )
    if status:
        raise AptError(
            "dpkg was interrupted on this host, and can't be mended: %s." % _last(output),
            "run `dpkg --configure -a` and `apt-get -f install` on it by hand",
        )


def _update(
    repositories: Sequence[Dict[str, Any]], lock_timeout: int, only: Optional[str] = None
) -> List[str]:
    """Read the indexes of one file of sources, or all. AptError if one of repositories can't be.

    Gives what apt says of others that can't be read: they may not matter.
    """
    command = ["apt-get", "update", "-q", "-o", "Acquire::Retries=2"]
    if only:
        command += ["-o", "Dir::Etc::sourcelist=" + only, "-o", "Dir::Etc::sourceparts=-"]
        command += ["-o", "APT::Get::List-Cleanup=0"]
    status, output = _run_unlocked(command, lock_timeout)
    problems = [line for line in output.splitlines() if re.match(r"(E|W|Err)[:\d]", line)]
    for repository in repositories:
        mine = [line for line in problems if repository["url"].rstrip("/") in line]
        if mine:
            raise AptError(
                "The repository %s (%s) can't be read: %s."
                % (repository["name"], repository["url"], " / ".join(mine)[:600].rstrip(".")),
                "see that this host reaches the URL and that it has this system's release",
            )
    if status and only:
        raise AptError("apt can't read %s: %s." % (only, _last(output)), "mend what it names")
    return [line for line in problems if _UNREAD.match(line)]


def _try(
    packages: Sequence[Dict[str, Any]],
    urls: Dict[str, str],
    lock_timeout: int,
    unread: Sequence[str] = (),
) -> List[str]:
    """Install the packages; unread is what apt said of the system's sources that it can't read."""
    why = " Of its sources apt says: %s." % " / ".join(unread)[:600].rstrip(".") if unread else ""
    chosen = []
    for package in packages:
        name, url = package["name"], urls.get(package.get("repository") or "")
        _, policy = run(["apt-cache", "policy", "--", name])
        version = choose(package, url, policy)
        if version is None:
            offered = [each[0] for each in candidates(policy)]
            wanted = name + (" " + package["version"] if package.get("version") else "")
            there = " (there is %s)" % ", ".join(offered[:5]) if offered else ""
            if url:
                raise AptError(
                    "%s offers no %s for this host%s." % (url, wanted, there),
                    "see that the repository %s has the package for this release and architecture,"
                    " or choose another version" % package["repository"],
                )
            raise AptError(
                "None of this host's own apt sources offers %s%s.%s" % (wanted, there, why),
                "see that the sources in /etc/apt can be read and are this release's (Ubuntu's:"
                " with universe), or choose another version",
            )
        chosen.append("%s=%s" % (name, version))
    fresh = any(installed_version(package["name"]) is None for package in packages)
    with _no_service_starts(lock_timeout) if fresh else contextlib.nullcontext():
        status, output = run(
            [
                "apt-get", "install", "-y", "-q", "--no-install-recommends",
                "--allow-downgrades", "--allow-change-held-packages",
                "-o", "DPkg::Lock::Timeout=%d" % lock_timeout,
                "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
                "-o", "Acquire::Retries=2",
                # What a removal that left data took away of a package's own configuration.
                *(["-o", "Dpkg::Options::=--force-confmiss"] if fresh else []),
                *chosen,
            ]
        )  # fmt: skip
    if status:
        raise AptError(
            "%s can't be installed: %s.%s" % (", ".join(chosen), _last(output), why),
            "run `apt-get install %s` on the host to see it all" % " ".join(chosen),
        )
    return chosen


def _last(output: str) -> str:
    lines = [line for line in output.strip().splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E:")]
    unmet = [line.strip() for line in lines if "Depends:" in line]
    return " / ".join((unmet + errors)[-4:] or lines[-3:])[:800].rstrip(".")


@contextlib.contextmanager
def _no_service_starts(lock_timeout: int) -> Iterator[None]:
    """Keep package scripts from starting services before they are configured.

    The policy holds only while this process lives, so one that is killed leaves nothing that harms.
    A second run on the host waits for the first. AptError if that takes too long.
    """
    with open(_POLICY_LOCK, "w") as lock:
        _lock(lock, lock_timeout)
        old = _policy_text()
        if old is not None and _MARK not in old:
            yield
            return
        text = _POLICY_TEXT % {"mark": _MARK, "pid": os.getpid(), "started": _started(os.getpid())}
        with open(_POLICY + ".new", "w") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(text)
        os.rename(_POLICY + ".new", _POLICY)
        try:
            yield
        finally:
            if _policy_text() == text:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(_POLICY)


def _lock(file: TextIO, timeout: int) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise AptError(
                    "Another run installs packages on this host for %d s already." % timeout,
                    "wait for it and run again",
                ) from None
        time.sleep(0.2)


def _policy_text() -> Optional[str]:
    try:
        with open(_POLICY, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks (proc(5): field 22 of stat)."""
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(") ")[2].split()[19]
