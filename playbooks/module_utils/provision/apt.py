"""apt-get and dpkg, as this project uses them."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ansible.module_utils.provision import keyrings, locks, starts, unread, versions
from ansible.module_utils.provision.trouble import Trouble

#: What apt-get and dpkg say of a lock.
_LOCKED = re.compile(
    r"Could not get lock|Unable to lock|Unable to acquire the dpkg|(is|was) locked by another"
)
#: What apt-get install says once it is not its indexes that are to blame.
_UNPACKING = re.compile(r"dpkg returned an error code|No space left on device|enough free space")
#: Numbered files in it are what an interrupted dpkg did last; apt works no further with them.
_UPDATES = "/var/lib/dpkg/updates"
#: What apt-get update says of a source that it could not read.
_UNREAD = re.compile(r"E: .*://|W: (Failed to fetch|GPG error|An error occurred)")
_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "NEEDRESTART_SUSPEND": "1",
    "LC_ALL": "C",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


class AptError(Trouble):
    """A package can't be installed."""


class DpkgError(AptError):
    """It can't, and would not with newer indexes either."""


class AptLocked(DpkgError):
    """Another program is at work with packages; says who."""

    def __init__(self) -> None:
        held = locks.holders()
        who = " and ".join(str(each) for each in held) or "Another program"
        how = " or ".join(each.ending for each in held)
        super().__init__(
            "%s %s apt's lock." % (who, "hold" if len(held) > 1 else "holds"),
            "let it finish%s, or have it waited for for longer (-e packages_lock_timeout=1800),"
            " and run again" % (", or end it if it hangs (%s)" % how if how else ""),
        )


def run(command: Sequence[str], cwd: str = "/") -> Tuple[int, str]:
    """Exit status and output of a command."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=dict(os.environ, **_ENVIRONMENT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    return done.returncode, done.stdout


def state_of(name: str) -> Tuple[str, str]:
    """What dpkg says of a package ("install ok installed") and its version, empty if nothing."""
    status, output = run(["dpkg-query", "-W", "-f", "${Status}\t${Version}", "--", name])
    state, _, version = output.partition("\t") if status == 0 else ("", "", "")
    return state, version


def installed_version(name: str) -> Optional[str]:
    """The version of a package that is installed as a whole."""
    state, version = state_of(name)
    return version if state.endswith(" ok installed") else None


def to_install(packages: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The packages that are not there, or not in the version that is pinned."""
    return [package for package in packages if not _fits(package)]


def _fits(package: Dict[str, Any]) -> bool:
    version, pinned = installed_version(package["name"]), package.get("version")
    return version is not None and (not pinned or versions.fits(version, pinned))


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
    mend(lock_timeout)
    urls = {repository["name"]: repository["url"] for repository in repositories}
    for path in sources:
        _update_ours(repositories, lock_timeout, path)
    try:
        return _try(packages, urls, lock_timeout)
    except DpkgError:
        raise
    except AptError:
        # Some packages, and what all of them depend on, come from the system's own repositories,
        # whose indexes may be old, or missing altogether on a fresh host.
        lines = _update(repositories, lock_timeout)
        return _try(packages, urls, lock_timeout, lines)


def run_unlocked(command: Sequence[str], lock_timeout: int) -> Tuple[int, str]:
    """As run, but again while another program holds the lock. AptLocked if it does for too long."""
    deadline = time.monotonic() + lock_timeout
    while True:
        status, output = run(command)
        if not status or not _LOCKED.search(output):
            return status, output
        if time.monotonic() > deadline:
            raise AptLocked()
        time.sleep(1)


def mend(lock_timeout: int) -> None:
    """Complete what an interrupted dpkg left. AptError if that can't be done."""
    _, audit = run(["dpkg", "--audit"])
    if not audit.strip() and not _interrupted():
        return
    status, output = run_unlocked(
        ["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], lock_timeout
    )
    if status:
        raise AptError(
            "dpkg was interrupted on this host, and can't be mended: %s." % last(output),
            "run `dpkg --configure -a` and `apt-get -f install` on it by hand",
        )


def _interrupted() -> bool:
    try:
        return any(name.isdigit() for name in os.listdir(_UPDATES))
    except OSError:
        return False


def _update_ours(repositories: Sequence[Dict[str, Any]], lock_timeout: int, path: str) -> None:
    """Read the index of one of our repositories, with its key taken anew where that may help."""
    try:
        _update(repositories, lock_timeout, only=path)
    except unread.Unread as error:
        repository = error.repository
        if not error.about_key or not repository.get("key_url"):
            raise
        try:
            # A repository signs with subkeys, which come and go under the same primary key.
            renewed = keyrings.renew(
                *(repository[key] for key in ("name", "url", "key_url", "fingerprint", "keyring"))
            )
        except keyrings.KeyringError as refused:
            raise AptError("%s %s" % (error.message, refused.message), refused.remedy) from None
        if not renewed:
            raise
        _update(repositories, lock_timeout, only=path)


def _update(
    repositories: Sequence[Dict[str, Any]], lock_timeout: int, only: Optional[str] = None
) -> List[str]:
    """Read the indexes of one file of sources, or all. Unread if one of repositories can't be.

    Gives what apt says of others that can't be read: they may not matter.
    """
    command = ["apt-get", "update", "-q", "-o", "Acquire::Retries=2"]
    if only:
        command += ["-o", "Dir::Etc::sourcelist=" + only, "-o", "Dir::Etc::sourceparts=-"]
        command += ["-o", "APT::Get::List-Cleanup=0"]
    status, output = run_unlocked(command, lock_timeout)
    problems = [line for line in output.splitlines() if re.match(r"(E|W|Err)[:\d]", line)]
    for repository in repositories:
        error = unread.of(repository, output)
        if error:
            raise error
    if status and only:
        raise AptError("apt can't read %s: %s." % (only, last(output)), "mend what it names")
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
    with no_service_starts(lock_timeout):
        for wanted in chosen:
            if "half-installed" in state_of(wanted.split("=")[0])[0]:
                _unpack_again(wanted, lock_timeout)
        status, output = run_unlocked(
            [
                "apt-get", "install", "-y", "-q", "--no-install-recommends",
                "--allow-downgrades", "--allow-change-held-packages",
                "-o", "DPkg::Lock::Timeout=%d" % lock_timeout,
                "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
                "-o", "Acquire::Retries=2",
                # What a removal that left data took away of a package's own configuration.
                *(["-o", "Dpkg::Options::=--force-confmiss"] if fresh else []),
                *chosen,
            ],
            0,  # apt waits by itself
        )  # fmt: skip
    if status or not all(_fits(package) for package in packages):
        raise (DpkgError if _UNPACKING.search(output) else AptError)(
            "%s can't be installed: %s.%s" % (", ".join(chosen), last(output), why),
            "run `apt-get install %s` on the host to see it all" % " ".join(chosen),
        )
    return chosen


def _unpack_again(wanted: str, lock_timeout: int) -> None:
    """Install a half installed package (name=version) anew. apt takes it for the newest version
    and leaves it so, or looks for the one that is half there, which no repository may have now.
    """
    with tempfile.TemporaryDirectory(prefix="provision-", dir="/var/tmp") as folder:
        run(["apt-get", "download", "-q", wanted], cwd=folder)
        for name in os.listdir(folder):
            run_unlocked(
                [
                    *("dpkg", "--install", "--force-downgrade", "--force-confdef"),
                    *("--force-confold", os.path.join(folder, name)),
                ],
                lock_timeout,
            )


@contextlib.contextmanager
def no_service_starts(lock_timeout: int) -> Iterator[None]:
    """Package scripts start and restart nothing: roles do, with what is configured and checked."""
    try:
        with starts.denied(lock_timeout):
            yield
    except starts.StillBusy:
        raise AptError(
            "Another run installs packages on this host for %d s already." % lock_timeout,
            "wait for it and run again",
        ) from None


def last(output: str) -> str:
    """What apt or dpkg said last that tells why it failed."""
    lines = [line.strip() for line in output.strip().splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E:")]
    for line, following in zip(lines, lines[1:]):  # noqa: B905, RUF007 - Python 3.9
        # dpkg names the package in the one line, and what was wrong in the next.
        if line.startswith(("dpkg: error", "dpkg-deb: error")):
            errors.insert(0, "%s %s" % (line, following) if line.endswith(":") else line)
    unmet = [line for line in lines if "Depends:" in line]
    return " / ".join((unmet + errors)[-4:] or lines[-3:])[:800].rstrip(".")
