"""What has to be done on a host: the manifest against the report, without asking anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from ansible.module_utils.provision import letting_in, openpgp, versions

from comparing.manifest import ROLES, Directory, File, Manifest, Service
from comparing.report import Report, Seen
from comparing.script import UNFINISHED
from comparing.wanted import Wanted

#: Units of these states start with the host, or are started by something that does.
_ENABLED = ("enabled", "enabled-runtime", "static", "alias", "generated", "indirect", "linked")
#: What these begin with is all that place_files takes for a change of content.
_NEW_CONTENT = ("its content", "it is missing", "it is no ordinary", "its secret")
#: Why a service is started that was never installed; what it keeps is made with it.
_NEW = "it is not there yet"


@dataclass(frozen=True)
class Difference:
    """One thing to do. kind is repository, package, directory, file, absent, service, rules or
    state.

    warning is what is lost by it, if anything is.
    """

    role: str
    kind: str
    name: str
    action: str
    why: str
    warning: str = ""

    @property
    def has_new_content(self) -> bool:
        """Whether a file gets another content; owners and modes are set without a restart."""
        return self.kind == "file" and self.why.startswith(_NEW_CONTENT)

    def as_dict(self) -> dict[str, str]:
        """The form in which it leaves the comparison."""
        return {key: value for key, value in asdict(self).items() if value or key != "warning"}


class BlockingState(Exception):
    """A service can't be brought to its state by any role: problem and remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def differences(manifest: Manifest, wanted: Sequence[Wanted], report: Report) -> list[Difference]:
    """Everything in which the host is not as the manifest wants it, in the order of the work.

    Raises BlockingState when a running service refuses what the secrets file holds.
    """
    found = [
        *_repositories(manifest, report),
        *_packages(manifest, report),
        *_directories(manifest, report),
        *_files(wanted, report),
        *_absent(manifest, report),
        *_strays(manifest, report),
    ]
    found += list(_services(manifest, report, found))
    found += list(_rules(manifest, wanted, report, found))
    found += _state(manifest, report, found)
    return in_order(found)


def in_order(found: Iterable[Difference]) -> list[Difference]:
    """Differences in the order of the work."""
    return sorted(found, key=lambda difference: ROLES.index(difference.role))


def stale(
    manifest: Manifest, report: Report, run: Iterable[str]
) -> list[tuple[Difference, list[str]]]:
    """What of InfluxDB's tokens or users can be revoked in a run on these hosts, and its owners.

    What a host still uses that is not in the run stays as it is.
    """
    hosts, found = set(run), []
    for entry, answer in zip(manifest.state, report.state or (), strict=False):
        for each in answer.get("stale") or ():
            if set(each["owners"]) <= hosts:
                role = str(entry["role"])
                difference = Difference(role, "state", each["name"], "remove", each["why"])
                found.append((difference, list(each["owners"])))
    return found


def roles_of(found: Iterable[Difference]) -> list[str]:
    """The roles that have work, in the order in which they do it."""
    named = {difference.role for difference in found}
    return [role for role in ROLES if role in named]


def _repositories(manifest: Manifest, report: Report) -> Iterator[Difference]:
    for index, repository in enumerate(manifest.repositories):
        seen = report.paths.get(repository.keyring)
        why = action = ""
        if seen is None:
            action, why = "create", "its keyring is missing"
        elif fingerprints(report.keyrings.get(index, b"")) != [
            openpgp.normal(repository.fingerprint)
        ]:
            action, why = "change", "its keyring does not hold just the pinned key"
        elif int(seen.mode, 8) != 0o644:
            action, why = "change", f"its keyring's mode is {seen.mode}, not 0644"
        if why:
            yield Difference("packages", "repository", repository.name, action, why)


def fingerprints(keyring: bytes) -> list[str]:
    """The primary fingerprints in a binary keyring; none if apt could not read it."""
    try:
        if openpgp.dearmour(keyring) != keyring:
            return []
        return [fingerprint for fingerprint, _ in openpgp.key_blocks(keyring)]
    except openpgp.OpenPgpError:
        return []


def _packages(manifest: Manifest, report: Report) -> Iterator[Difference]:
    for package in manifest.packages:
        version, status = report.packages.get(package.name, ("", ""))
        if not status.endswith(" installed"):
            half = status.split()[-1:] not in ([], ["config-files"])
            why = "it is half installed" if half else "it is not installed"
            yield Difference("packages", "package", package.name, "install", why)
            for service in manifest.services_of(package.role):
                # Half installed, it may run with a program that is no more.
                if half and report.services.get(service.name, {}).get("ActiveState") == "active":
                    why = "its package changes"
                    yield Difference(package.role, "service", service.name, "restart", why)
        elif package.version and not versions.fits(version, package.version):
            why = f"it is {version}, not {package.version}"
            yield Difference("packages", "package", package.name, "upgrade", why)
            for service in manifest.services_of(package.role):
                why = "its package changes"
                yield Difference(package.role, "service", service.name, "restart", why)


def _ownership(seen: Seen, entry: Directory | File) -> str:
    if int(seen.mode, 8) != int(entry.mode, 8):
        return f"its mode is {seen.mode}, not {entry.mode}"
    if (seen.owner, seen.group) != (entry.owner, entry.group):
        return f"it is of {seen.owner}:{seen.group}, not {entry.owner}:{entry.group}"
    return ""


def _directories(manifest: Manifest, report: Report) -> Iterator[Difference]:
    for entry in manifest.directories:
        seen = report.paths.get(entry.path)
        if seen is None:
            yield Difference(entry.role, "directory", entry.path, "create", "it is missing")
        elif seen.kind != "d":
            yield Difference(entry.role, "directory", entry.path, "change", "it is no directory")
        elif why := _ownership(seen, entry):
            yield Difference(entry.role, "directory", entry.path, "change", why)


def _files(wanted: Sequence[Wanted], report: Report) -> Iterator[Difference]:
    for each in wanted:
        path, seen = each.file.path, report.paths.get(each.file.path)
        if each.content is None:
            why = f"its secret {' and '.join(each.missing)} is not known yet"
        elif seen is None:
            why = "it is missing"
        elif seen.kind != "f":
            why = "it is no ordinary file"
        elif report.sums.get(path) != each.digest:
            why = "its content differs"
        else:
            why = _ownership(seen, each.file)
        if why:
            yield Difference(each.file.role, "file", path, "change" if seen else "create", why)


def _absent(manifest: Manifest, report: Report) -> Iterator[Difference]:
    for entry in manifest.absent:
        if entry.path in report.paths:
            yield Difference(entry.role, "absent", entry.path, "remove", "it must not be there")


def _strays(manifest: Manifest, report: Report) -> Iterator[Difference]:
    """What is in exclusive directories beside the tree's own, the topmost of a folder alone."""
    explained = {file.path for file in manifest.files}
    explained |= {directory.path for directory in manifest.directories}
    explained |= {entry.path for entry in manifest.absent}
    for path in list(explained):
        explained |= _parents(path)
    strays = {path for path in report.paths if path not in explained}
    topmost = {path for path in strays if not strays & _parents(path)}
    for entry in (directory for directory in manifest.directories if directory.exclusive):
        for path in sorted(topmost):
            if entry.path in _parents(path):
                topmost.discard(path)
                why = f"{entry.path} holds what is rendered and nothing else"
                yield Difference(entry.role, "absent", path, "remove", why)


def _parents(path: str) -> set[str]:
    names = path.split("/")
    return {"/".join(names[:count]) or "/" for count in range(1, len(names))}


def _services(
    manifest: Manifest, report: Report, found: Sequence[Difference]
) -> Iterator[Difference]:
    # With other files, it would perhaps not show that it is at work.
    unsettled = {each.role for each in found if each.kind in ("file", "absent")}
    for service in manifest.services:
        seen = report.services.get(service.name, {})
        if seen.get("LoadState", "not-found") == "not-found":
            yield Difference(service.role, "service", service.name, "start", _NEW)
            continue
        if seen.get("UnitFileState") not in _ENABLED:
            why = "it does not start with the host"
            yield Difference(service.role, "service", service.name, "enable", why)
        if seen.get("ActiveState") != "active":
            why = f"it is {seen.get('ActiveState')} ({seen.get('SubState')})"
            yield Difference(service.role, "service", service.name, "start", why)
        elif f"{UNFINISHED}/{service.role}" in report.paths:
            why = "an earlier run ended before it was seen to work with its new files"
            yield Difference(service.role, "service", service.name, "restart", why)
        elif service.role not in unsettled and (why := _hangs(service, seen, report)):
            yield Difference(service.role, "service", service.name, "restart", why)


def _rules(
    manifest: Manifest, wanted: Sequence[Wanted], report: Report, found: Sequence[Difference]
) -> Iterator[Difference]:
    """What keeps strangers out where others have dropped it: `systemctl restart nftables` does."""
    texts = {each.file.path: each.content or b"" for each in wanted}
    changing = {each.name for each in found if each.has_new_content}
    # One that starts loads them.
    starts = {each.role for each in found if each.kind == "service" and each.action != "enable"}
    for service in manifest.guarded:
        path = letting_in.path_of(service.name)
        if path in changing or service.role in starts:
            continue
        drops = letting_in.drops(texts[path].decode("utf-8"))
        seen = report.rules.get(service.name)
        if seen is None or not drops <= seen:
            why = "somebody has dropped them, and whoever reaches it may send"
            if seen is None:
                why = f"whether they are there cannot be seen, as there is no {letting_in.NFT}"
            yield Difference(service.role, "rules", service.name, "load", why)


def _hangs(service: Service, seen: Mapping[str, str], report: Report) -> str:
    """Why a service that is active for systemd is taken to hang; empty if it is at work."""
    since = int(seen.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    if not service.alive or not since or not report.uptime:
        return ""
    running = report.uptime - since
    age = report.age(service.alive["path"])
    silent = running if age is None else min(running, age)
    if silent <= service.alive["seconds"]:
        return ""
    return f"it hangs: it is active, and nothing came out of it for {silent:.0f} s"


def _state(manifest: Manifest, report: Report, found: Sequence[Difference]) -> Iterator[Difference]:
    seen = report.state or ({"problem": "it could not be asked"},) * len(manifest.state)
    for entry, answer in zip(manifest.state, seen, strict=True):
        role = str(entry["role"])
        starts = [
            each
            for each in found
            if each.role == role and each.kind == "service" and each.action == "start"
        ]
        idle, new = bool(starts), any(each.why == _NEW for each in starts)
        for each in answer.get("differences", ()):
            yield Difference(role, "state", **each)
        if "problem" not in answer:
            continue
        if answer.get("remedy") and not idle:
            raise BlockingState(str(answer["problem"]), str(answer["remedy"]))
        why = "its service does not run yet" if idle else str(answer["problem"]).rstrip(".")
        for name in state_names(entry):
            yield Difference(role, "state", name, "create" if new else "check", why)


def state_names(entry: Mapping[str, Any]) -> list[str]:
    """What a state entry is about, for people: its database, users and tokens."""
    if entry["role"] == "grafana":
        return [f"user {entry['username']}"]
    if entry["engine"] == 2:
        return [
            f"user {entry['username']}",
            f"bucket {entry['bucket']}",
            f"database {entry['bucket']}",
            *(f"token {token['secret']}" for token in entry["tokens"]),
        ]
    return [
        f"user {entry['username']}",
        f"database {entry['database']}",
        *(f"password {user['secret']}" for user in entry["users"]),
    ]


def not_for_all(found: Iterable[Difference], manifest: Manifest, report: Report) -> frozenset[str]:
    """The paths to be removed whose text is not to be shown: keys, and what was beside a secret."""
    beside = {str(PurePosixPath(file.path).parent) for file in manifest.files if file.secret}
    return frozenset(
        each.name
        for each in found
        if each.kind == "absent"
        and (
            each.name not in report.paths
            or not int(report.paths[each.name].mode, 8) & 0o004
            or beside & _parents(each.name)
        )
    )


def diff_texts(
    found: Sequence[Difference], wanted: Sequence[Wanted], old: Mapping[str, str]
) -> list[dict[str, str]]:
    """The differences as Ansible's --diff shows them; old is the text of files on the host."""
    contents = {each.file.path: each for each in wanted}
    shown = []
    for difference in found:
        name = difference.name
        new = difference.why.startswith(("its content", "it is missing"))
        if difference.kind == "file" and new:
            file = contents[name]
            before, after = old.get(name, ""), (file.content or b"").decode("utf-8", "replace")
            if file.file.secret:
                before, after = (
                    ("(secret)\n" if difference.action == "change" else ""),
                    ("(secret, new)\n"),
                )
            shown.append(_diff(name, before, after))
        elif difference.kind == "absent":
            shown.append(_diff(name, old.get(name) or "(there)\n", ""))
        else:
            text = f"{difference.kind} {name}: {difference.action}, as {difference.why}\n"
            shown.append(_diff(f"{difference.kind} {name}", "", text))
    return shown


def _diff(header: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}
