"""Grafana as seen from here: what of its HTTP API is asked, and what the answers are.

Sources:
Grafana documentation, HTTP API (legacy routes, which 9 to 13 all have); for the newer model of
dashboards, Grafana's pkg/api/dashboard.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from provision.grafana_requests import GrafanaRefused as GrafanaRefused
from provision.grafana_requests import Requests
from provision.influx import STATEMENTS

# What a search gives at once; Grafana's own limit is 5,000.
PAGE = 1000


@dataclass(frozen=True)
class Stored:
    """A dashboard as Grafana has it, and where it stands.

    provisioned is the file that it comes from, where it may not be changed; newer says that it was
    saved in the model (v2) that only Grafana 12 and later have: dashboard is then that object.
    """

    uid: str
    title: str
    version: int
    dashboard: Mapping[str, Any] = field(repr=False)
    folder_uid: str = ""
    folder_title: str = ""
    provisioned: str | None = None
    newer: bool = False


@dataclass(frozen=True)
class Revision:
    """One version of a dashboard: its number, the message it was saved with, by whom, and when.

    content is what it held, where that was asked for.
    """

    version: int
    message: str
    by: str = ""
    when: str = ""
    content: Mapping[str, Any] | None = field(default=None, repr=False)


class Grafana(Requests):
    """A Grafana server, 9 to 13."""

    def version(self) -> str | None:
        """Grafana's version, where it tells. Raises ProvisionError where this is no Grafana."""
        # The client's own check asks for what the browser is told, which takes a login.
        answer = self._ask("/api/health", lambda api: api.client.GET("/health"))
        if not isinstance(answer, dict) or "database" not in answer:
            raise self._no_grafana("/api/health")
        return str(answer["version"]) if answer.get("version") else None

    def dashboard(self, uid: str) -> Mapping[str, Any]:
        """A dashboard as Grafana has it. Raises ProvisionError where it has none of that uid."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}"
        answer = self._ask(path, lambda api: api.dashboard.get_dashboard(quote(uid, safe="")))
        dashboard: Mapping[str, Any] = self._under("dashboard", answer, path)
        return dashboard

    def stored(self, uid: str) -> Stored | None:
        """A dashboard with where it stands, None where there is none of that uid."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}"
        try:
            answer = self._ask(path, lambda api: api.dashboard.get_dashboard(quote(uid, safe="")))
        except GrafanaRefused as error:
            if error.status == 404:
                return None
            if error.status == 406:
                return self._newer(uid, error)
            raise
        dashboard = self._under("dashboard", answer, path)
        meta = self._under("meta", answer, path)
        return Stored(
            uid=uid,
            title=str(dashboard.get("title", uid)),
            version=int(dashboard.get("version") or meta.get("version") or 0),
            dashboard=dashboard,
            folder_uid=str(meta.get("folderUid") or ""),
            folder_title=str(meta.get("folderTitle") or "General"),
            provisioned=str(meta.get("provisionedExternalId") or "a file")
            if meta.get("provisioned")
            else None,
        )

    def _newer(self, uid: str, refused: GrafanaRefused) -> Stored:
        """A dashboard in the newer model, from where the refusal says that it is."""
        found = re.search(r"/apis(/dashboard\.grafana\.app/[\w./-]+)", refused.said)
        if found is None:
            raise refused
        path = found[1]
        # The client puts what it is given behind ".../api".
        answer = self._ask(f"/apis{path}", lambda api: api.client.GET(f"s{path}"))
        metadata = self._under("metadata", answer, path)
        notes = metadata.get("annotations") or {}
        return Stored(
            uid=uid,
            title=str(self._under("spec", answer, path).get("title", uid)),
            version=int(metadata.get("generation") or 0),
            dashboard=answer,
            folder_uid=str(notes.get("grafana.app/folder") or ""),
            newer=True,
        )

    def revisions(self, uid: str) -> list[Revision] | None:
        """The versions of a dashboard, the newest first; None where one may not see them."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}/versions"
        try:
            answer = self._ask(
                path,
                lambda api: api.dashboard_versions.get_dashboard_versions_by_uid(
                    quote(uid, safe="")
                ),
            )
        except GrafanaRefused as error:
            if error.status in {403, 404, 406}:
                return None
            raise
        # A list until 11.5, then one page of them.
        rows = answer.get("versions") if isinstance(answer, dict) else answer
        if not isinstance(rows, list):
            raise self._no_grafana(path)
        found = []
        for row in sorted(rows, key=lambda row: -int(row["version"])):
            # The list calls the first one so, whatever it was saved with.
            first = str(row.get("message") or "").startswith("Initial save")
            mended = self.revision(uid, int(row["version"])) if first else None
            found.append(mended or _revision(row))
        return found

    def revision(self, uid: str, version: int) -> Revision | None:
        """One version of a dashboard, with what it held; None where it isn't kept or shown."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}/versions/{version}"
        try:
            answer = self._ask(
                path,
                lambda api: api.dashboard_versions.get_dashboard_version_by_uid(
                    quote(uid, safe=""), version
                ),
            )
        except GrafanaRefused as error:
            if error.status == 401:
                raise
            return None
        return _revision(answer) if isinstance(answer, dict) and "version" in answer else None

    def save(
        self, dashboard: Mapping[str, Any], *, version: int, folder_uid: str, message: str
    ) -> int:
        """Create a dashboard (version 0) or replace that version of it, and give the new version.

        Raises GrafanaRefused with status 412 where another version has come meanwhile.
        """
        body = {
            "dashboard": {**dashboard, "id": None, "version": version},
            "folderUid": folder_uid,
            "message": message,
            "overwrite": False,
        }
        answer = self._ask("/api/dashboards/db", lambda api: api.dashboard.update_dashboard(body))
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise self._no_grafana("/api/dashboards/db")
        return int(answer.get("version") or 0)

    def delete(self, uid: str) -> None:
        """Remove a dashboard."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}"
        self._ask(path, lambda api: api.dashboard.delete_dashboard(quote(uid, safe="")))

    def search(self, kind: str, query: str | None = None) -> list[Mapping[str, Any]]:
        """What may be seen of a kind (`dash-db`, `dash-folder`), by a part of its title."""
        found: list[Mapping[str, Any]] = []
        while True:
            page = len(found) // PAGE + 1
            rows = self._ask(
                "/api/search",
                partial(_search, query=query, type=kind, limit=PAGE, page=page),
            )
            if not isinstance(rows, list):
                raise self._no_grafana("/api/search")
            found += rows
            if len(rows) < PAGE:
                return found

    def folder(self, uid: str) -> Mapping[str, Any] | None:
        """A folder by its uid, None where there is none that may be seen."""
        try:
            answer = self._ask(
                f"/api/folders/{quote(uid, safe='')}",
                lambda api: api.folder.get_folder(quote(uid, safe="")),
            )
        except GrafanaRefused as error:
            if error.status in {400, 403, 404}:
                return None
            raise
        return answer if isinstance(answer, dict) else None

    def create_folder(self, title: str) -> str:
        """Make a folder and give its uid."""
        answer = self._ask("/api/folders", lambda api: api.folder.create_folder(title))
        if not isinstance(answer, dict) or not answer.get("uid"):
            raise self._no_grafana("/api/folders")
        return str(answer["uid"])

    def datasources(self) -> list[Mapping[str, Any]]:
        """All datasources, each with uid, name, type and jsonData.

        Who may not list them (an editor) is told of them as the browser is.
        """
        try:
            rows = self._ask("/api/datasources", lambda api: api.datasource.list_datasources())
        except GrafanaRefused as error:
            if error.status != 403:
                raise
            path = "/api/frontend/settings"
            # The client has no method for what the browser reads when it starts.
            answer = self._ask(path, lambda api: api.client.GET("/frontend/settings"))
            rows = list(self._under("datasources", answer, path).values())
        if not isinstance(rows, list):
            raise self._no_grafana("/api/datasources")
        return [row for row in rows if isinstance(row, dict) and row.get("uid")]

    def create_datasource(self, datasource: dict[str, Any]) -> None:
        """Make a datasource."""
        self._ask("/api/datasources", lambda api: api.datasource.create_datasource(datasource))

    def datasource_fault(self, uid: str) -> str | None:
        """What Grafana finds wrong with a datasource when it asks it; None where it finds nothing.

        None, too, where it has no such check or we may not have it made.
        """
        try:
            self._ask(
                f"/api/datasources/uid/{uid}/health",
                lambda api: api.datasource.health(quote(uid, safe="")),
            )
        except GrafanaRefused as error:
            return error.said if error.status == 400 or error.status >= 500 else None
        return None

    def query(
        self,
        datasource: str,
        queries: Sequence[str],
        *,
        start: int,
        end: int,
        intervals: int = 1000,
    ) -> list[tuple[int, int, str | None]]:
        """Ask InfluxQL queries through a datasource, between two times (ms since 1970).

        They are asked in as few requests as it takes. The time is divided into so many intervals,
        if they are no shorter than the datasource's least. Gives (series, points, error) for each.
        The template variables are already put in; the macros for time are Grafana's to put in.
        """
        targets = [
            {
                "refId": f"Q{number}",
                "datasource": {"type": "influxdb", "uid": datasource},
                "rawQuery": True,
                "query": query,
                "resultFormat": "time_series",
                "intervalMs": max(10_000, (end - start) // intervals),
                "maxDataPoints": intervals,
            }
            for number, query in enumerate(queries)
        ]
        requests = [targets[n : n + STATEMENTS] for n in range(0, len(targets), STATEMENTS)]
        return [each for some in requests for each in self._query(some, start, end)]

    def _query(
        self, targets: Sequence[Mapping[str, Any]], start: int, end: int
    ) -> list[tuple[int, int, str | None]]:
        """What a datasource gives to targets, in one request."""
        body = {"from": str(start), "to": str(end), "queries": targets}
        path = "/api/ds/query"
        # The client's own query takes one at a time, and not all of a panel's.
        answer = self._ask(
            path, lambda api: api.client.POST("/ds/query", json=body), has_errors="results"
        )
        results = self._under("results", answer, path)
        return [_outcome(results.get(target["refId"], {})) for target in targets]


def _revision(row: Mapping[str, Any]) -> Revision:
    content = row.get("data")
    return Revision(
        int(row["version"]),
        str(row.get("message") or ""),
        str(row.get("createdBy") or ""),
        str(row.get("created") or ""),
        content if isinstance(content, dict) else None,
    )


def _search(api: Any, **asked: Any) -> Any:
    # The client's own search knows no pages.
    known = {name: value for name, value in asked.items() if value is not None}
    return api.client.GET(f"/search?{urlencode(known)}")


def _outcome(result: Mapping[str, Any]) -> tuple[int, int, str | None]:
    frames = result.get("frames") or []
    # The first column is the times: where the others have nothing, there is no point.
    rows = (row for frame in frames for row in zip(*frame["data"]["values"], strict=True))
    points = sum(any(value is not None for value in row[1:]) for row in rows)
    return len(frames), points, result.get("error")
