"""Grafana as seen from here: its HTTP API, asked with a user's password."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from provision.errors import ProvisionError

IF_REFUSED = "see whether its password is still the one in the secrets file"


class Grafana:
    """A Grafana server. Source: Grafana documentation, HTTP API."""

    def __init__(self, url: str, username: str, password: str, *, timeout: float = 10) -> None:
        """Prepare requests; timeout is for one of them, in seconds."""
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
        self._timeout = timeout

    def dashboard(self, uid: str) -> Mapping[str, Any]:
        """A dashboard as Grafana has it. Raises ProvisionError where it has none of that uid."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}"
        dashboard: Mapping[str, Any] = self._ask(path, "dashboard")
        return dashboard

    def query(
        self, datasource: str, queries: Sequence[str], *, start: int, end: int
    ) -> list[tuple[int, int, str | None]]:
        """Ask InfluxQL queries through a datasource, between two times (ms since 1970).

        Gives (series, points, error) for each. The template variables are already put in; the
        macros for time are Grafana's to put in.
        """
        targets = [
            {
                "refId": f"Q{number}",
                "datasource": {"type": "influxdb", "uid": datasource},
                "rawQuery": True,
                "query": query,
                "resultFormat": "time_series",
                "intervalMs": 10_000,
                "maxDataPoints": 1000,
            }
            for number, query in enumerate(queries)
        ]
        body = {"from": str(start), "to": str(end), "queries": targets}
        results = self._ask("/api/ds/query", "results", body, ok=(200, 207, 400))
        return [_outcome(results.get(target["refId"], {})) for target in targets]

    def _ask(self, path: str, key: str, body: Any = None, ok: Sequence[int] = (200,)) -> Any:
        """What an answer has under a key; statuses that are ok may still have it."""
        request = urllib.request.Request(  # noqa: S310 - the URL is that of the site
            self.url + path,
            headers=self._headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            status, text = _answer(request, self._timeout)
        except (OSError, HTTPException) as error:
            raise ProvisionError(f"Grafana at {self.url} cannot be asked: {error}") from error
        try:
            answer = json.loads(text) if status in ok else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get(key), dict):
            said = " ".join(text.decode(errors="replace").split())[:200]
            raise ProvisionError(
                f"Grafana at {self.url}{path}: {status} {said}",
                remedy=IF_REFUSED if status == 401 else None,
            )
        return answer[key]


def _answer(request: urllib.request.Request, timeout: float) -> tuple[int, bytes]:
    """The status and the text of an answer, whatever the status. OSError, HTTPException."""
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def _outcome(result: Mapping[str, Any]) -> tuple[int, int, str | None]:
    frames = result.get("frames") or []
    points = sum(len((frame["data"]["values"] or [[]])[0]) for frame in frames)
    return len(frames), points, result.get("error")
