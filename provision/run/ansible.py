"""The one ansible-playbook command: built here, run here, its events read here.

Events are JSON lines (playbooks/comparing/telling.py); nothing is read out of the text that Ansible
prints for people.
"""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provision.errors import ProvisionError
from provision.paths import PLAYBOOKS
from provision.run import engine as engines
from provision.run.remedies import of_failure, plain, remedy

# What was asked once is not asked again.
ASKS_FOR_VAULT = frozenset({"-J", "--ask-vault-pass", "--ask-vault-password"})
ASKS_FOR_BECOME = frozenset({"-K", "--ask-become-pass"})
ASKS_FOR_CONNECTION = frozenset({"-k", "--ask-pass"})

# After so many seconds without a word of the run, whoever looks on is told whom it waits for.
QUIET = 10


@dataclass(frozen=True)
class Difference:
    """One thing on a host that is not as rendered (CONTRIBUTING.md, The rendered tree).

    warning is what is lost when it is put right, if anything is.
    """

    role: str
    kind: str
    name: str
    action: str
    why: str
    warning: str = ""


@dataclass(frozen=True)
class Stay:
    """One thing that a removal leaves, and why."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True)
class Diff:
    """A file's text before and after, for --diff."""

    header: str
    before: str
    after: str


@dataclass(frozen=True)
class SecretFile:
    """A file with secrets in it: their names, its role and the services that read it."""

    path: str
    role: str
    names: tuple[str, ...]
    services: tuple[str, ...]


@dataclass
class HostResult:
    """What a run did, or would do, on one host.

    effects follow from the differences: services restarted or reloaded. By path of a file: how
    many lines come and go, and what is in it that differs (dashboards, alert rules). clock is by
    how many seconds its clock is ahead of ours. fetched: by URL that it scrapes, what is wrong with
    it, in words that follow it (none where it can be fetched).
    """

    differences: list[Difference] = field(default_factory=list)
    effects: list[Difference] = field(default_factory=list)
    diffs: list[Diff] = field(default_factory=list)
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)
    inside: dict[str, list[Difference]] = field(default_factory=dict)
    secrets: list[SecretFile] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    standing: dict[str, Any] = field(default_factory=dict)
    changed: int = 0
    failed: str | None = None
    remedy: str | None = None
    unreachable: bool = False
    clock: int | None = None
    fetched: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass
class RunResult:
    """What a run did, host by host; output is what Ansible printed.

    ended: whether Ansible came to the end of it, whatever it did there; warnings are of no host.
    """

    hosts: dict[str, HostResult]
    status: int
    output: str
    ended: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every host was reached and finished."""
        return self.status == 0 and not any(host.failed for host in self.hosts.values())


def playbook_words(
    playbook: str, options: Sequence[str], variables: Mapping[str, str], secrets: Path
) -> list[str]:
    """The words that run one of playbooks/; the secrets are named by their file alone."""
    extra = ["--extra-vars", f"@{secrets}", "--extra-vars", json.dumps(variables)]
    return [*options, *extra, str(PLAYBOOKS / playbook)]


def run_playbook(
    playbook: str,
    options: Sequence[str],
    variables: Mapping[str, str],
    *,
    secrets: Path,
    vault_secrets: Sequence[tuple[str, bytes]] = (),
    become_password: str | None = None,
    on_event: Callable[[Mapping[str, Any]], None],
    verbose: bool = False,
) -> RunResult:
    """Run a playbook and hand each event on as it comes, the first ("begun") once it is on its way.

    Ansible reads the secrets from their file, decrypting it if it is vaulted; the vault's
    passwords, which may have been typed in, reach it through memory (memfd_create(2)), and that of
    sudo, if it was asked for already, as its standard input. With verbose, Ansible's own output
    goes to the terminal as it comes.
    """
    held: dict[int, int] = {}
    more: list[str] = []
    if become_password:
        held[0] = _in_memory("become", become_password.encode())
        os.lseek(held[0], 0, os.SEEK_SET)
        more += ["--become-password-file", "-"]
    for number, (name, password) in enumerate(vault_secrets, engines.FIRST + 1):
        held[number] = _in_memory("vault", password)
        more += ["--vault-id", f"{name}@/proc/self/fd/{number}"]
    asked = {
        *(ASKS_FOR_VAULT if vault_secrets else ()),
        *(ASKS_FOR_BECOME if become_password else ()),
    }
    options = [option for option in options if option not in asked]
    read_end, held[engines.FIRST] = os.pipe()
    result = RunResult({}, 0, "")
    engine = engines.engine(shown=verbose)
    try:
        engine.run(
            playbook_words(playbook, [*options, *more], variables, secrets),
            {"PROVISION_EVENTS": f"/proc/self/fd/{engines.FIRST}"},
            held,
        )
        while held:
            os.close(held.popitem()[1])
        on_event({"event": "begun"})
        for event in _events(read_end):
            take(result, event)
            on_event(event)
        result.status = engine.process.wait()
        result.output = engine.printed()
    finally:
        for descriptor in held.values():
            os.close(descriptor)
        engine.close()
    return result


def _in_memory(name: str, content: bytes) -> int:
    descriptor = os.memfd_create(name)
    os.fchmod(descriptor, 0o600)  # Ansible would run a vault password file that is executable
    os.write(descriptor, content)
    return descriptor


def _events(descriptor: int) -> Iterator[Mapping[str, Any]]:
    """The events as they come, and one called "quiet" where none comes for QUIET seconds."""
    rest = b""
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        while True:
            if not select.select([stream], [], [], QUIET)[0]:
                yield {"event": "quiet"}
                continue
            piece = stream.read(65536)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield json.loads(line.decode("utf-8", "replace"))


def take(result: RunResult, event: Mapping[str, Any]) -> None:
    """Add what an event says to the result of its host."""
    if event.get("event") == "stats":
        result.ended = True
        for name, counts in event["hosts"].items():
            # What failed and was put right (a block's rescue) did not fail.
            if not counts["failures"] and not counts["unreachable"] and name in result.hosts:
                result.hosts[name].failed = result.hosts[name].remedy = None
    if event.get("event") != "result":
        return
    host = result.hosts.setdefault(str(event["host"]), HostResult())
    host.standing.update(event.get("standing") or {})
    host.fetched.update(event.get("fetched") or {})
    if "differences" in event:
        # A host is compared again where InfluxDB made a new token for it.
        found = [Difference(**entry) for entry in event["differences"] or ()]
        host.differences += [entry for entry in found if entry not in host.differences]
        diffs = [_diff(entry) for entry in event.get("diff") or ()]
        host.diffs += [each for each in diffs if each not in host.diffs]
        _take_plan(host, event.get("plan") or {})
        host.stays += [Stay(**entry) for entry in event.get("stays") or ()]
    elif event["status"] == "changed":
        host.changed += 1
        host.effects = [_as_done(each, event.get("restarted") or {}) for each in host.effects]
    if "clock" in event:
        host.clock = int(event["clock"])
    if event["status"] in {"failed", "unreachable"}:
        said = of_failure(str(event.get("problem") or event.get("msg") or "failed"))
        host.failed = said
        host.unreachable = event["status"] == "unreachable"
        if host.unreachable:
            host.failed = plain(said)
            if host.differences:
                task = str(event.get("task") or "a task")
                host.failed = f"It was lost in the middle of its work ({task}). {host.failed}"
        host.remedy = event.get("remedy") or remedy(str(event["host"]), said, host.unreachable)


def _as_done(effect: Difference, restarted: Mapping[str, Sequence[str]]) -> Difference:
    """What was to be reloaded, and was not seen to take up its files.

    restarted has such services, with the drop-ins by which others change their units.
    """
    if effect.action not in ("reload", "load") or effect.name not in restarted:
        return effect
    others = " and ".join(restarted[effect.name])
    if effect.kind == "rules":
        how = "they could not be loaded while it runs"
    elif others:
        how = f"it did not take them up while it runs, with its unit changed by {others}"
    else:
        how = "it did not take them up while it runs"
    return replace(effect, kind="service", action="restart", why=f"{effect.why}; {how}")


def _take_plan(host: HostResult, plan: Mapping[str, Any]) -> None:
    effects = [Difference(**entry) for entry in plan.get("effects") or ()]
    host.effects += [entry for entry in effects if entry not in host.effects]
    for path, (come, go) in (plan.get("lines") or {}).items():
        host.lines[path] = come, go
    for path, entries in (plan.get("inside") or {}).items():
        host.inside[path] = [Difference(**entry) for entry in entries]
    host.secrets = [
        SecretFile(each["path"], each["role"], tuple(each["names"]), tuple(each["services"]))
        for each in plan.get("secrets") or ()
    ]


def not_ended(result: RunResult, hosts: Iterable[str]) -> None:
    """Note of each host that is not known to be finished that the run did not come to its end."""
    how = f"ended with {result.status}"
    if result.status < 0:
        how = f"was killed ({signal.Signals(-result.status).name})"
    for name in hosts:
        host = result.hosts.setdefault(name, HostResult())
        if not host.failed:
            host.failed = f"ansible-playbook {how} before this host was seen to be finished."
            host.remedy = "run again: what is done stays, what is half done is taken up"


def account_for(result: RunResult, hosts: Iterable[str], *, listed: bool = False) -> None:
    """Note of each host what Ansible did not tell itself: that it did not get so far.

    With listed, nothing was to be done with them. Raises ProvisionError with what Ansible printed
    where it failed as a whole.
    """
    if not result.ended and (result.hosts or result.status < 0):
        not_ended(result, hosts)
    if result.status != 0 and not any(host.failed for host in result.hosts.values()):
        said = result.output.strip()
        raise ProvisionError(f"ansible-playbook ended with {result.status}:\n{said}")
    if not listed:
        not_looked_at(result, hosts)


def not_looked_at(result: RunResult, hosts: Iterable[str]) -> None:
    """Note of each host that the run should have been about, and was not."""
    for name in hosts:
        if name not in result.hosts:
            result.hosts[name] = HostResult(
                failed="Ansible has done nothing with this host.",
                remedy="leave out what chooses among tasks (--tags, --skip-tags, --start-at-task)"
                " or see what ended the run for the other hosts, then run again",
            )


def _diff(entry: Mapping[str, Any]) -> Diff:
    header = entry.get("after_header") or entry.get("before_header") or ""
    before, after = entry.get("before") or "", entry.get("after") or ""
    return Diff(str(header), str(before), str(after))
