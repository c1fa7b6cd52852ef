"""Rules of what a dashboard is asked through: its datasource, its variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provision.catalog.messages import shown
from provision.dashboards.check.model import GRAFANAS_OWN, Dashboard, Variable
from provision.dashboards.check.subject import EXPRESSION, Found, Rule, Subject
from provision.dashboards.check.tokens import variables
from provision.dashboards.variables import variable_tags

HOST = "host"
ON_TIME_RANGE = 2


def _datasource_variable(subject: Subject) -> Iterator[Found]:
    """Of one choice everything can be asked; of none, or of two, a panel shows something else."""
    found = _sources(subject.dashboard)
    if len(found) != 1:
        names = ", ".join(shown(each.name) for each in found) or "none"
        yield Found(
            f"one variable of type datasource is needed: there is {names}",
            "give it one, whose query is influxdb",
        )
    elif found[0].query != "influxdb":
        yield Found(
            f"the datasource variable chooses among {shown(found[0].query)}",
            "let its query be influxdb",
        )


def _datasource_chosen(subject: Subject) -> Iterator[Found]:
    """A uid that stands in the file is that of one Grafana, and the choice at the top a lie."""
    dashboard = subject.dashboard
    sources = _sources(dashboard)
    name = sources[0].name if sources else "datasource"
    remedy = f"let its datasource be ${{{name}}}"
    for panel in dashboard.panels:
        if not panel.asks:
            continue
        if not _chosen(panel.source, name) and panel.source not in GRAFANAS_OWN:
            yield Found(f"its datasource is {_called(panel.source)}", remedy, panel)
        for target in panel.targets:
            inherited = target.source is None and panel.source != "-- Mixed --"
            own = target.source == EXPRESSION or panel.source == "-- Dashboard --"
            if not (inherited or own or _chosen(target.source, name)):
                what = f"query {target.called} is of the datasource {_called(target.source)}"
                yield Found(what, remedy, panel)
    for variable in _queried(dashboard):
        if not _chosen(variable.source, name):
            what = f"variable {shown(variable.name)} is of the datasource"
            yield Found(f"{what} {_called(variable.source)}", remedy)
    for annotation in dashboard.annotations:
        own = annotation.source in GRAFANAS_OWN or annotation.built_in
        if not own and not _chosen(annotation.source, name):
            what = f"annotation {shown(annotation.name)} is of the datasource"
            yield Found(f"{what} {_called(annotation.source)}", remedy)


def _variable_all(subject: Subject) -> Iterator[Found]:
    """Who looks after many hosts looks at all of them first, and then at some."""
    for variable in _choices(subject.dashboard):
        if not (variable.multi and variable.all):
            yield Found(
                f"variable {shown(variable.name)} is not for several values and All",
                "set multi and includeAll",
            )


def _variable_refresh(subject: Subject) -> Iterator[Found]:
    """What can be chosen is what was there in the time that is looked at."""
    for variable in _queried(subject.dashboard):
        if variable.refresh != ON_TIME_RANGE:
            yield Found(
                f"variable {shown(variable.name)} is not asked anew for another time",
                f"set refresh to {ON_TIME_RANGE} (on time range change)",
            )


def _variable_chained(subject: Subject) -> Iterator[Found]:
    """A choice that does not follow the ones before it offers what answers nothing."""
    before: set[str] = set()
    for variable in _choices(subject.dashboard):
        if before and not before & variables(variable.query):
            yield Found(
                f"variable {shown(variable.name)} does not follow any before it",
                f"name one of {', '.join(sorted(before))} in its query, as ${{{HOST}:regex}}",
            )
        before.add(variable.name)


def _variable_order(subject: Subject) -> Iterator[Found]:
    """From the host to the rarest tag: the order in which people narrow down."""
    wanted = [HOST, *variable_tags(subject.known)]
    there = [each.name for each in _choices(subject.dashboard) if each.name in wanted]
    if there != wanted:
        yield Found(
            f"the variables are {', '.join(there) or 'none'}",
            f"let them be {', '.join(wanted)}, as the catalog has them",
        )


def _sources(dashboard: Dashboard) -> list[Variable]:
    return [each for each in dashboard.variables if each.type == "datasource"]


def _queried(dashboard: Dashboard) -> list[Variable]:
    return [each for each in dashboard.variables if each.type == "query"]


def _choices(dashboard: Dashboard) -> list[Variable]:
    """Those that a person sees."""
    return [each for each in _queried(dashboard) if not each.hidden]


def _chosen(source: str | None, name: str) -> bool:
    return source in (f"${{{name}}}", f"${name}", f"[[{name}]]")


def _called(source: str | None) -> str:
    return "Grafana's default" if source is None else shown(source)


GENERAL: Mapping[str, Rule] = {
    "datasource-variable": _datasource_variable,
    "datasource-chosen": _datasource_chosen,
    "variable-all": _variable_all,
    "variable-refresh": _variable_refresh,
    "variable-chained": _variable_chained,
}
WITH_CATALOG: Mapping[str, Rule] = {"variable-order": _variable_order}
