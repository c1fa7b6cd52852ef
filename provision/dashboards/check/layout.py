"""Rules of a dashboard as it is looked at: identity, panels, where they stand, what leads away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from provision.catalog.messages import shown
from provision.dashboards.check.model import OWN_STORE, Annotation, Link, Panel
from provision.dashboards.check.subject import EXPRESSION, Found, Rule, Subject
from provision.dashboards.check.tokens import variables

COLUMNS = 24
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
# What these show has no unit.
_WITHOUT_UNIT = frozenset({"logs", "traces", "flamegraph", "nodeGraph", "canvas", "geomap"})
_DEPLOY = re.compile(r"deploy|release|roll-?out", re.IGNORECASE)
_ALERT = re.compile(r"alert", re.IGNORECASE)


def _uid_stable(subject: Subject) -> Iterator[Found]:
    """Links, alerts and the next import find a dashboard by its uid."""
    uid = subject.dashboard.uid
    if not _UID.fullmatch(uid):
        what = f"the uid {shown(uid)} is not one" if uid else "there is no uid"
        yield Found(what, "give it one of at most 40 letters, digits, - and _")


def _id_null(subject: Subject) -> Iterator[Found]:
    """The id is a number in one Grafana's database, and another dashboard's in the next."""
    if subject.dashboard.has_id:
        yield Found("it has the id of one Grafana", "set id to null")


def _time_set(subject: Subject) -> Iterator[Found]:
    """Who opens a dashboard sees the last hours, and sees them go on."""
    dashboard = subject.dashboard
    if not (dashboard.since and dashboard.until):
        yield Found("no time range is set", 'set time, as {"from": "now-6h", "to": "now"}')
    if not dashboard.refresh:
        yield Found("it is not refreshed by itself", 'set refresh, as "30s"')


def _link_keeps(subject: Subject) -> Iterator[Found]:
    """Who follows a link looks at the same hosts at the same time."""
    for link in subject.dashboard.links:
        leads = link.type == "dashboards" or _to_dashboard(link)
        if leads and not (link.keeps_time and link.keeps_variables):
            yield Found(
                f"the link {shown(link.title)} loses the time or the variables",
                "set keepTime and includeVars",
            )
    for panel in subject.dashboard.panels:
        for link in panel.links:
            kept = variables(link.url)
            choices = re.search(r"var-|:queryparam|__all_variables", link.url)
            if _to_dashboard(link) and not ("__url_time_range" in kept and choices):
                yield Found(
                    f"the link {shown(link.title)} loses the time or the variables",
                    "put ${__url_time_range} and ${__all_variables} into its URL",
                    panel,
                )


def _annotation_alerts(subject: Subject) -> Iterator[Found]:
    """A graph should say when an alert about it began and ended."""

    def alerts(each: Annotation) -> bool:
        own = each.built_in or each.source in {OWN_STORE, "grafana"}
        return own and (each.built_in or bool(_ALERT.search(each.words)))

    if not any(each.enabled and alerts(each) for each in subject.dashboard.annotations):
        yield Found(
            "the states of alerts are not among the annotations",
            f"add the built-in annotation, of the datasource {OWN_STORE}",
        )


def _annotation_deploys(subject: Subject) -> Iterator[Found]:
    """The first question about a change in a graph is what was deployed then."""
    annotations = subject.dashboard.annotations
    if not any(each.enabled and _DEPLOY.search(each.words) for each in annotations):
        yield Found(
            "deploys are not among the annotations",
            "add an annotation with the tag deploy, or a query of them",
        )


def _panel_id(subject: Subject) -> Iterator[Found]:
    """Alerts and links mean a panel by its id."""
    seen: set[int] = set()
    for panel in subject.dashboard.panels:
        if panel.id is None or panel.id < 1:
            yield Found("it has no id", "give it a number of its own, from 1 on", panel)
        elif panel.id in seen:
            yield Found(f"another panel has the id {panel.id}", "number them anew", panel)
        else:
            seen.add(panel.id)


def _panel_title(subject: Subject) -> Iterator[Found]:
    """What is not called anything is not spoken of."""
    for panel in subject.dashboard.panels:
        if not panel.title.strip() and panel.type != "text" and not panel.library:
            yield Found("it has no title", "say in a few words what it shows", panel)


def _title_once(subject: Subject) -> Iterator[Found]:
    """Of two panels of one name in a row nobody knows which is meant."""
    seen: set[tuple[int, str]] = set()
    for panel in subject.dashboard.panels:
        # Rows are told apart among themselves.
        key = (-1 if panel.type == "row" else panel.row, panel.title)
        if panel.title and key in seen:
            yield Found("another one in its row has the same title", "rename one of them", panel)
        seen.add(key)


def _panel_description(subject: Subject) -> Iterator[Found]:
    """At three in the morning the panel itself must say what it means."""
    for panel in subject.dashboard.panels:
        if panel.asks and not panel.description.strip():
            yield Found("it has no description", "say what it means and what to do", panel)


def _panel_unit(subject: Subject) -> Iterator[Found]:
    """A number without a unit is read as a wrong one."""
    for panel in subject.dashboard.panels:
        units = [panel.unit, *(each.unit for each in panel.overrides)]
        if panel.asks and panel.type not in _WITHOUT_UNIT and not any(units):
            yield Found("it has no unit", "set one (short, where things are counted)", panel)


def _panel_query(subject: Subject) -> Iterator[Found]:
    """A panel that asks nothing shows nothing, and looks like an outage."""
    for panel in subject.dashboard.panels:
        if not panel.asks or panel.source == "-- Dashboard --":
            continue
        if not panel.targets:
            yield Found("it has no query", "give it one, or remove it", panel)
        for target in panel.targets:
            if not target.text.strip() and target.source != EXPRESSION:
                yield Found(f"query {target.called} is empty", "write it, or remove it", panel)


def _panel_library(subject: Subject) -> Iterator[Found]:
    """What stands elsewhere is changed elsewhere, and is not there after an import."""
    for panel in subject.dashboard.panels:
        if panel.library:
            yield Found("it is a library panel", "unlink it, so that it stands here", panel)


def _panel_place(subject: Subject) -> Iterator[Found]:
    """Grafana's grid has 24 columns; what stands beyond them is moved to where nobody put it."""
    for panel in subject.dashboard.panels:
        place = panel.place
        if place is None:
            yield Found("it has no place", "set gridPos with x, y, w and h", panel)
        elif min(place.x, place.y) < 0 or place.w <= 0 or place.h <= 0:
            yield Found("it has no place on the grid", "let x and y be 0 or more", panel)
        elif place.x + place.w > COLUMNS:
            what = f"it reaches to column {place.x + place.w:g}, of {COLUMNS}"
            yield Found(what, "make it narrower, or put it on the next line", panel)


def _panel_overlap(subject: Subject) -> Iterator[Found]:
    """One of two panels in one place is pushed away, and the layout with it."""
    panels = subject.dashboard.panels
    yield from _overlaps(panel for panel in panels if not panel.collapsed)
    # Those in a collapsed row stand where others do until it is opened.
    for row in dict.fromkeys(panel.row for panel in panels if panel.collapsed):
        yield from _overlaps(panel for panel in panels if panel.collapsed and panel.row == row)


def _overlaps(panels: Iterable[Panel]) -> Iterator[Found]:
    placed = [(panel, panel.place) for panel in panels if panel.place]
    placed.sort(key=lambda each: (each[1].y, each[1].x))
    for index, (panel, place) in enumerate(placed):
        for other, its in placed[index + 1 :]:
            if its.y >= place.y + place.h:
                break
            if place.overlaps(its):
                what = f"it stands where {shown(panel.title)} does"
                yield Found(what, "move one of them", other)
                break


def _to_dashboard(link: Link) -> bool:
    return "/d/" in link.url or link.url.startswith("d/")


GENERAL: Mapping[str, Rule] = {
    "uid-stable": _uid_stable,
    "id-null": _id_null,
    "time-set": _time_set,
    "link-keeps": _link_keeps,
    "annotation-alerts": _annotation_alerts,
    "annotation-deploys": _annotation_deploys,
    "panel-id": _panel_id,
    "panel-title": _panel_title,
    "title-once": _title_once,
    "panel-description": _panel_description,
    "panel-unit": _panel_unit,
    "panel-query": _panel_query,
    "panel-library": _panel_library,
    "panel-place": _panel_place,
    "panel-overlap": _panel_overlap,
}
