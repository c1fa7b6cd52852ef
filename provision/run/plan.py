"""What a run would do, or has done, on each host: as steps, and equal hosts together.

Pure: everything is out of the events of one run (provision.run.ansible.RunResult).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from provision.credentials import host_key
from provision.run.ansible import Diff, Difference, HostResult, RunResult
from provision.run.remedies import LEAVE_OUT

#: What stands for the name of a host where hosts are compared with one another.
ANY = "\N{BULLET}host\N{BULLET}"


class Area(StrEnum):
    """What a step is about, in the order in which steps are told."""

    PACKAGES = "packages"
    FILES = "files"
    DASHBOARDS = "dashboards"
    ALERTS = "alerts"
    SERVICES = "services"
    STATE = "database and users"


_AREAS = {
    "repository": Area.PACKAGES,
    "package": Area.PACKAGES,
    "directory": Area.FILES,
    "file": Area.FILES,
    "absent": Area.FILES,
    "dashboard": Area.DASHBOARDS,
    "alert rule": Area.ALERTS,
    "contact point": Area.ALERTS,
    "policy": Area.ALERTS,
    "service": Area.SERVICES,
    "rules": Area.SERVICES,
}
#: How the other side of a connection is called: by its address, or as ssh is told.
_ADDRESS = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){1,6}:[0-9a-f]{1,4}(?!\w)"
    r"|(?<=to host )\S+(?= port)"
)
#: What differences of secrets that are made with InfluxDB 2 or 1 begin with.
_SECRETS = ("token ", "password ")
#: What a database has many of begin with.
_IN_DATABASE = (*_SECRETS, "user ", "bucket ", "database ")
#: Alerts as Grafana's state has them, each beside the kind of the same in a file.
_IN_GRAFANA = {
    "alert rules": "alert rule",
    "contact points": "contact point",
    "notification policies": "policy",
}


@dataclass(frozen=True)
class Step:
    """One thing that is done: action (a verb), kind and name of what, and why.

    come and go count the lines of a file, where they are known; path is the file that it is in.
    warning is what is lost by it.
    """

    area: Area
    action: str
    kind: str
    name: str
    why: str
    warning: str = ""
    path: str = ""
    come: int | None = None
    go: int | None = None


@dataclass(frozen=True)
class HostPlan:
    """What is done on a host, or why nothing can be; changed is also true of what has no step."""

    name: str
    steps: tuple[Step, ...] = ()
    diffs: tuple[Diff, ...] = ()
    changed: bool = False
    failed: str = ""
    remedy: str = ""
    unreachable: bool = False
    #: What is wrong with it beside (its clock).
    warnings: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything is done on it."""
        return bool(self.steps) or self.changed


@dataclass(frozen=True)
class Group:
    """Hosts of which the same is to be told, by name; plan is that of the first."""

    names: tuple[str, ...]
    plan: HostPlan

    def told(self, text: str) -> str:
        """A text about the first host, as it is about all of them."""
        if len(self.names) == 1:
            return text
        excluded = f"!{self.names[0]}"
        return text.replace(excluded, ":".join(f"!{name}" for name in self.names))


@dataclass(frozen=True)
class Plan:
    """What is done on all hosts of a run."""

    hosts: tuple[HostPlan, ...]
    #: What is wrong with this machine.
    beside: tuple[str, ...] = ()

    @property
    def differing(self) -> tuple[HostPlan, ...]:
        """The hosts that something is done on."""
        return tuple(host for host in self.hosts if host.differs and not host.failed)

    @property
    def failed(self) -> tuple[HostPlan, ...]:
        """The hosts that nothing can be done on."""
        return tuple(host for host in self.hosts if host.failed)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is lost by it, and what is wrong beside, each once."""
        every = [step.warning for host in self.differing for step in host.steps]
        every += [f"{host.name}: {each}" for host in self.hosts for each in host.warnings]
        return tuple(dict.fromkeys(each for each in (*every, *self.beside) if each))


def plan_of(result: RunResult) -> Plan:
    """The plan of a run that compares, or what a run did, host by host in the order of names."""
    made = _made_anew(result)
    hosts = result.hosts
    plans = tuple(_host_plan(name, hosts[name], made) for name in sorted(hosts))
    return Plan(plans, tuple(result.warnings))


def hopeful(plan: Plan) -> Plan:
    """The plan as it is told: without the advice to leave hosts out, where nobody would be left."""
    if not all(host.unreachable for host in plan.hosts):
        return plan
    hosts = (
        replace(host, remedy=host.remedy.removesuffix(LEAVE_OUT.format(host=host.name)))
        for host in plan.hosts
    )
    return replace(plan, hosts=tuple(hosts))


def _made_anew(result: RunResult) -> frozenset[str]:
    """The secrets that are made with InfluxDB in this run: there is none or not the right one."""
    return frozenset(
        each.name.partition(" ")[2]
        for host in result.hosts.values()
        for each in host.differences
        if each.kind == "state" and each.action == "create" and each.name.startswith(_SECRETS)
    )


def _host_plan(name: str, host: HostResult, made: frozenset[str]) -> HostPlan:
    steps = sorted(
        [*_steps(host), *_steps_for_secrets(host, made)],
        key=lambda step: list(Area).index(step.area),
    )
    return HostPlan(
        name,
        tuple(steps),
        tuple(host.diffs),
        changed=host.changed > 0,
        failed=host.failed or "",
        remedy=host.remedy or "",
        unreachable=host.unreachable,
        warnings=tuple(host.warnings),
    )


def _steps(host: HostResult) -> Iterator[Step]:
    told = {(each.kind, each.action) for found in host.inside.values() for each in found}
    for each in (*host.differences, *host.effects):
        if each.kind == "state" and (_IN_GRAFANA.get(each.name), each.action) in told:
            continue  # the file that brings them is told of, name by name
        come, go = host.lines.get(each.name, (None, None))
        for one in host.inside.get(each.name) or (each,):
            path = each.name if each.kind in ("file", "absent") else ""
            yield _step(one, path=path, come=come, go=go)


def _step(
    each: Difference, *, path: str = "", come: int | None = None, go: int | None = None
) -> Step:
    area = _AREAS.get(each.kind, Area.STATE)
    kind = "file" if each.kind == "absent" else each.kind
    name = each.name
    if each.kind == "state":
        area = Area.ALERTS if name in _IN_GRAFANA else Area.STATE
        kind, name = name.split(" ", 1) if name.startswith(_IN_DATABASE) else ("", name)
    return Step(area, each.action, kind, name, each.why, each.warning, path, come, go)


def _steps_for_secrets(host: HostResult, made: frozenset[str]) -> Iterator[Step]:
    """What follows on a host whose files hold a secret that is made anew on another."""
    known = {(each.kind, each.name) for each in (*host.differences, *host.effects)}
    for file in host.secrets:
        names = sorted(made & set(file.names))
        if not names or ("file", file.path) in known:
            continue
        why = f"its secret {' and '.join(names)} is made anew"
        yield _step(Difference(file.role, "file", file.path, "change", why), path=file.path)
        for service in file.services:
            if ("service", service) not in known:
                why = f"its configuration changes: {PurePosixPath(file.path).name}"
                yield _step(Difference(file.role, "service", service, "restart", why))


def groups(hosts: Iterable[HostPlan], *, diffs: bool) -> list[Group]:
    """Hosts of which the same is told, in the order of the first of each.

    With diffs the differences of files must be the same, too. A host's own name makes no difference
    in texts, nor the address that could not be reached.
    """
    found: dict[HostPlan, list[HostPlan]] = {}
    for host in hosts:
        found.setdefault(_comparable(host, diffs=diffs), []).append(host)
    return [Group(tuple(host.name for host in each), each[0]) for each in found.values()]


def _comparable(host: HostPlan, *, diffs: bool) -> HostPlan:
    """A plan without what tells a host from others."""
    name = re.compile(
        rf"(?<![\w.-]){re.escape(host.name)}(?![\w-]|\.\w)"
        # As it stands in the name of the secret that is the host's own.
        rf"|(?<=_){re.escape(host_key(host.name))}(?!\w)"
    )

    def common(text: str) -> str:
        text = name.sub(ANY, text)
        return _ADDRESS.sub(ANY, text) if host.unreachable else text

    steps = tuple(replace(each, why=common(each.why)) for each in host.steps)
    texts = tuple(
        Diff(each.header, common(each.before), common(each.after))
        for each in (host.diffs if diffs else ())
    )
    return replace(
        host, name="", steps=steps, diffs=texts, failed=common(host.failed),
        remedy=common(host.remedy),
    )  # fmt: skip


@dataclass(frozen=True)
class Surprise:
    """What a run did on a host beside what was shown, or what it found done already."""

    host: str
    step: Step
    done: bool


def surprises(shown: Plan, done: Plan) -> list[Surprise]:
    """In what a run was not as shown before, for the hosts that were finished."""
    found = []
    before: Mapping[str, HostPlan] = {host.name: host for host in shown.hosts}
    for host in done.hosts:
        planned = before.get(host.name)
        if host.failed or planned is None:
            continue
        had, has = _what(planned.steps), _what(host.steps)
        for action, kind, name in has:
            if action == "restart":  # it was to take up its files or rules, and took more than that
                had.pop(("reload", kind, name), None)
                had.pop(("", "rules", name), None)
        found += [Surprise(host.name, has[key], True) for key in has if key not in had]
        found += [Surprise(host.name, had[key], False) for key in had if key not in has]
    return found


def _what(steps: Sequence[Step]) -> dict[tuple[str, str, str], Step]:
    """Steps by what is done: reasons may be told in more or fewer words, and names of parts."""
    return {
        (
            each.action if each.kind == "service" else "",
            each.path or each.kind,
            each.path or each.name,
        ): each
        for each in steps
        if each.area is not Area.ALERTS or each.path
    }
