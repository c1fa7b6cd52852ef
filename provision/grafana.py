"""Grafana as seen from here: its HTTP API, asked with a user's password."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from provision.errors import ProvisionError


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
        answer: Mapping[str, Any] = self._ask(f"/api/dashboards/uid/{quote(uid)}")
        dashboard: Mapping[str, Any] = answer["dashboard"]
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
        results = self._ask("/api/ds/query", body, ok=(200, 207, 400))["results"]
        return [_outcome(results.get(target["refId"], {})) for target in targets]

    def _ask(self, path: str, body: Any = None, ok: Sequence[int] = (200,)) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is that of the site
            self.url + path,
            headers=self._headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code in ok:
                return json.loads(text)
            raise ProvisionError(
                f"Grafana at {self.url}{path}: {error.code} {text[:200]}"
            ) from error
        except (OSError, ValueError) as error:
            raise ProvisionError(f"Grafana at {self.url} cannot be asked: {error}") from error


def _outcome(result: Mapping[str, Any]) -> tuple[int, int, str | None]:
    frames = result.get("frames") or []
    points = sum(len((frame["data"]["values"] or [[]])[0]) for frame in frames)
    return len(frames), points, result.get("error")
