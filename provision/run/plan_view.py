"""A plan, or what came of a run, as a person reads it on one screen, and as JSON for programs."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from provision.output import out, shown
from provision.run.ansible import Diff
from provision.run.plan import Area, Group, HostPlan, Plan, Step, Surprise, groups, hopeful

# So many steps of one kind for one reason are one line.
MOST_LINES = 3
# How many names such a line tells.
MOST_NAMES = 3


def show_plan(plan: Plan, *, check: bool, diff: bool, seconds: float) -> None:
    """What would be done (with check), or was: hosts alike together, those that fail at the end."""
    for group in _in_order(hopeful(plan), diffs=diff):
        _show_group(group, check=check, diff=diff)
    if check:
        _show_services(plan)
    _show_beside(plan)
    out.print(_summary(plan, check=check, seconds=seconds))


def show_outcome(plan: Plan, found: Sequence[Surprise], *, seconds: float) -> None:
    """What came of a run whose plan was shown before: what is not as it was shown, and failures."""
    brief = Plan(tuple(map(_without_steps, hopeful(plan).hosts)), plan.beside)
    for group in _in_order(brief, diffs=False):
        _show_group(group, check=False, diff=False)
    for names, surprise in _together(found):
        what = (
            "was not in the plan, and is done" if surprise.done else "was planned, and not needed"
        )
        out.print(f"[yellow]{what}:[/yellow] {_line([surprise.step])} on {shown(names)}")
    _show_beside(plan)
    out.print(_summary(plan, check=False, seconds=seconds))


def as_json(plan: Plan, *, diff: bool) -> str:
    """The plan for programs: host by host, each step by itself."""
    return json.dumps(
        {
            "hosts": {host.name: _host_as_json(host, diff=diff) for host in hopeful(plan).hosts},
            "summary": {
                "hosts": len(plan.hosts),
                "would_change": len(plan.differing),
                "failed": len(plan.failed),
                "warnings": list(plan.warnings),
            },
        },
        indent=2,
    )


def show_diff(entry: Diff) -> None:
    """A unified diff, coloured on a terminal."""
    for line in unified(entry):
        colour = {"+": "green", "-": "red"}.get(line[:1])
        out.print(f"  [{colour}]{shown(line)}[/{colour}]" if colour else f"  {shown(line)}")


def unified(entry: Diff) -> list[str]:
    """The lines of a unified diff."""
    before, after = entry.before.splitlines(), entry.after.splitlines()
    return list(difflib.unified_diff(before, after, entry.header, entry.header, lineterm=""))


def _in_order(plan: Plan, *, diffs: bool) -> list[Group]:
    """What is done, what is well, what fails: the last is nearest to the prompt."""
    rank = {host.name: 2 if host.failed else 1 - bool(host.differs) for host in plan.hosts}
    return sorted(groups(plan.hosts, diffs=diffs), key=lambda group: rank[group.names[0]])


def _show_group(group: Group, *, check: bool, diff: bool) -> None:
    plan = group.plan
    verdict = _verdict(plan, check=check)
    out.print(f"[bold]{shown(_names(group.names))}[/bold]  {verdict}")
    if plan.failed and plan.steps and not check:
        out.print("  not all of this is done:")
    for steps in _lines(plan.steps, whole=diff):
        out.print(f"  {_line(steps)}")
        if steps[0].warning:
            out.print(f"  [red]warning:[/red] {shown(steps[0].warning)}")
    if diff:
        if len(group.names) > 1 and any(map(_of_file, plan.diffs)):
            out.print(f"  (as on {shown(plan.name)})")
        for entry in filter(_of_file, plan.diffs):
            show_diff(entry)
    if plan.failed:
        out.print(f"  [red]{shown(group.told(plan.failed))}[/red]")
        if plan.remedy:
            out.print(f"  [yellow]remedy:[/yellow] {shown(group.told(plan.remedy))}")
    for warning in plan.warnings:
        out.print(f"  [yellow]warning:[/yellow] {shown(warning)}")


def _of_file(entry: Diff) -> bool:
    """Whether a difference is that of a file: of all others the lines above have said it."""
    return entry.header.startswith("/")


def _show_beside(plan: Plan) -> None:
    for warning in plan.beside:
        out.print(f"[yellow]warning:[/yellow] {shown(warning)}")


def _names(names: Sequence[str]) -> str:
    """The names of hosts: all of them, on a terminal as many as a line holds."""
    text = ", ".join(names)
    room = out.width - 40  # what follows, and how many more
    if not out.is_terminal or len(text) <= max(room, len(names[0])):
        return text
    many = max(n for n in range(1, len(names)) if n == 1 or len(", ".join(names[:n])) <= room)
    return f"{', '.join(names[:many])} and {len(names) - many} more"


def _lines(steps: Sequence[Step], *, whole: bool) -> Iterator[list[Step]]:
    """The steps, many of a kind for one reason together unless the whole is to be shown."""
    for _, alike in groupby(steps, key=lambda each: (each.action, each.kind, each.why)):
        found = list(alike)
        many = len(found) > MOST_LINES and found[0].kind
        if whole or not many or any(each.warning for each in found):
            yield from ([each] for each in found)
        else:
            yield found


def _line(steps: Sequence[Step]) -> str:
    """One step, or several alike, in words."""
    first = steps[0]
    why = f" ({first.why})" if first.why else ""
    lines = _line_count(steps)
    if len(steps) == 1:
        what = " ".join(filter(None, [first.action, first.kind, first.name]))
        return shown(f"{what}{why}{lines}")
    names = ", ".join(each.name for each in steps[:MOST_NAMES])
    more = f" and {len(steps) - MOST_NAMES} more" if len(steps) > MOST_NAMES else ""
    return shown(f"{first.action} {len(steps)} {first.kind}s{why}{lines}: {names}{more}")


def _line_count(steps: Iterable[Step]) -> str:
    counted = [each for each in steps if each.kind == "file" and each.come is not None]
    if not counted:
        return ""
    come, go = sum(each.come or 0 for each in counted), sum(each.go or 0 for each in counted)
    numbers = [f"+{come}"] * bool(come) + [f"-{go}"] * bool(go)
    return f", {' '.join(numbers)} lines" if numbers else ""


def _show_services(plan: Plan) -> None:
    """On how many hosts which service is started, restarted, reloaded, or has its rules loaded."""
    for action, word in (
        ("restart", "restarted"),
        ("reload", "reloaded"),
        ("start", "started"),
        ("load", "rules loaded"),
    ):
        count = Counter(
            step.name
            for host in plan.differing
            for step in host.steps
            if step.area is Area.SERVICES and step.action == action
        )
        if count:
            told = ", ".join(
                f"{shown(name)} on {number} {'host' if number == 1 else 'hosts'}"
                for name, number in sorted(count.items())
            )
            out.print(f"{word}: {told}")


def _verdict(host: HostPlan, *, check: bool) -> str:
    if host.unreachable:
        return "[red]cannot be reached[/red]"
    if host.failed:
        return "[red]failed[/red]"
    if not host.differs:
        return "[green]as it should be[/green]"
    return "[yellow]would change[/yellow]" if check else "[yellow]changed[/yellow]"


def _summary(plan: Plan, *, check: bool, seconds: float) -> str:
    word = "would change" if check else "changed"
    count = f"{len(plan.hosts)} {'host' if len(plan.hosts) == 1 else 'hosts'}"
    changed, failed = len(plan.differing), len(plan.failed)
    return f"{count}, {changed} {word}, {failed} failed, {seconds:.1f} s"


def _without_steps(plan: HostPlan) -> HostPlan:
    return HostPlan(
        plan.name,
        changed=plan.differs,
        failed=plan.failed,
        remedy=plan.remedy,
        unreachable=plan.unreachable,
        warnings=plan.warnings,
    )


def _together(found: Sequence[Surprise]) -> Iterator[tuple[str, Surprise]]:
    """Surprises, each once, with the names of the hosts that it is of."""
    hosts: dict[tuple[bool, Step], list[str]] = {}
    for each in found:
        hosts.setdefault((each.done, each.step), []).append(each.host)
    for (done, step), names in hosts.items():
        yield _names(names), Surprise(names[0], step, done)


def _host_as_json(host: HostPlan, *, diff: bool) -> dict[str, Any]:
    state = "unreachable" if host.unreachable else "failed" if host.failed else None
    told: dict[str, Any] = {
        "state": state or ("would change" if host.differs else "as it should be"),
        "steps": [
            {key: value for key, value in asdict(step).items() if value not in ("", None)}
            for step in host.steps
        ],
    }
    if host.failed:
        told |= {"problem": host.failed, "remedy": host.remedy}
    if diff:
        told["diffs"] = {
            entry.header: "\n".join(unified(entry)) for entry in host.diffs if _of_file(entry)
        }
    return told
