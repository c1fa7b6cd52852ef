"""InfluxDB as seen from here: InfluxQL over HTTP, the one language of InfluxDB 1, 2 and 3."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from provision.errors import ProvisionError

# InfluxDB answers the statements of a request one after the other, and each request has its time.
STATEMENTS = 20
# Two requests at a time: more would keep dashboards waiting.
AT_ONCE = 2
IF_REFUSED = "see whether its token or password is still the one in the secrets file"


@dataclass(frozen=True)
class Series:
    """One series of an answer: measurement, tags, and rows by column name (times in ms)."""

    name: str
    tags: Mapping[str, str]
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Answer:
    """What one statement gave: its series, or what InfluxDB says is wrong with it."""

    series: tuple[Series, ...]
    error: str | None = None


class InfluxDB:
    """A database that can be asked, with a token (2.x and later) or a user's password (1.x)."""

    def __init__(
        self,
        url: str,
        database: str,
        *,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        timeout: float = 10,
        ca_file: Path | None = None,
    ) -> None:
        """Prepare a connection; timeout is for one request, in seconds.

        ca_file has the authorities that are trusted; None are the system's.
        """
        from influxdb_client.client.influxdb_client import InfluxDBClient

        self.url, self.database = url, database
        self._client = InfluxDBClient(
            url=url,
            token=token or "",
            timeout=int(timeout * 1000),
            ssl_ca_cert=str(ca_file) if ca_file else None,
        )
        if token:
            self._authorization = f"Token {token}"
        else:
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            self._authorization = f"Basic {pair}"

    def ask(self, statements: Sequence[str]) -> list[Answer]:
        """The answers to InfluxQL statements, one each, in as few requests as it takes.

        Raises ProvisionError where InfluxDB cannot be reached or refuses the request as a whole.
        Source: InfluxDB 1.x HTTP API reference, /query.
        """
        starts = range(0, len(statements), STATEMENTS)
        requests = [statements[first : first + STATEMENTS] for first in starts]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [answer for answers in pool.map(self._ask, requests) for answer in answers]

    def _ask(self, statements: Sequence[str]) -> list[Answer]:
        """The answers to statements in one request."""
        from influxdb_client.rest import ApiException

        asked = [("db", self.database), ("epoch", "ms"), ("q", ";\n".join(statements))]
        try:
            data = self._post("/query", "application/x-www-form-urlencoded", post_params=asked)
            body = json.loads(data)
        except ApiException as error:
            said = _said(error.body) or error.reason
            raise ProvisionError(
                f"InfluxDB at {self.url} refuses to answer: {error.status} {said}",
                remedy=IF_REFUSED if error.status in {401, 403} else None,
            ) from error
        except ValueError as error:
            raise self._not_asked(error) from error
        results = body.get("results") if isinstance(body, dict) else None
        if not isinstance(results, list):
            raise ProvisionError(f"InfluxDB at {self.url}: {_said(data)}")
        answers = {
            int(result.get("statement_id", index)): _answer(result)
            for index, result in enumerate(results)
        }
        return [answers.get(i, Answer((), "no answer")) for i in range(len(statements))]

    def refusal_to_write(self, engine: int, organization: str) -> str | None:
        """Why InfluxDB would take no point, or None: asked with none, so nothing is written.

        Raises ProvisionError where it cannot be reached. Source: InfluxDB 1.x and 2.x HTTP API
        references, /write and /api/v2/write.
        """
        from influxdb_client.rest import ApiException

        path = f"/write?{urlencode({'db': self.database})}"
        if engine == 2:
            asked = {"org": organization, "bucket": self.database}
            path = f"/api/v2/write?{urlencode(asked)}"
        try:
            self._post(path, "text/plain", body="")
        except ApiException as error:
            # It is let in, and has nothing to take.
            return None if error.status == 400 else f"{error.status} {_said(error.body)}"
        return None

    def _post(self, path: str, kind: str, **content: Any) -> bytes:
        """What is answered to a request with content of a kind.

        Raises ProvisionError where nothing is, and the client's ApiException where it is refused.
        """
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        headers = {
            "Authorization": self._authorization,
            "Content-Type": kind,
            "Accept": "application/json",
        }
        try:
            response = self._client.api_client.rest_client.POST(  # type: ignore[no-untyped-call]
                f"{self.url}{path}", headers=headers, _preload_content=False, **content
            )
            return bytes(response.data)
        except ApiException as error:
            if error.status:
                raise
            raise self._not_asked(error.reason) from error
        except (HTTPError, OSError) as error:
            raise self._not_asked(error) from error

    def _not_asked(self, why: object) -> ProvisionError:
        """What is raised where there was no answer; of TLS the client tells that with status 0."""
        return ProvisionError(
            f"InfluxDB at {self.url} cannot be asked: {' '.join(str(why).split())}",
            remedy=f"see that it runs and that this machine gets there (curl {self.url}/ping)",
        )

    def close(self) -> None:
        """End the connection."""
        self._client.close()  # type: ignore[no-untyped-call]


def _said(data: bytes | str | None) -> str:
    """What InfluxDB says went wrong: 1.x as `error`, 2.x as `message`; or the text as it is."""
    text = data.decode(errors="replace") if isinstance(data, bytes) else data or ""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if isinstance(body, dict):
        text = str(body.get("error") or body.get("message") or text)
    return " ".join(text.split())[:200]


def _answer(result: Mapping[str, Any]) -> Answer:
    series = tuple(
        Series(
            str(entry.get("name", "")),
            dict(entry.get("tags", {})),
            tuple(dict(zip(entry["columns"], row, strict=True)) for row in entry.get("values", ())),
        )
        for entry in result.get("series", ())
    )
    return Answer(series, result.get("error"))
