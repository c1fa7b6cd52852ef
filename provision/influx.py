"""InfluxDB as seen from here: InfluxQL over HTTP, the one language of InfluxDB 1, 2 and 3."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision.errors import ProvisionError


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
    ) -> None:
        """Prepare a connection; timeout is for one request, in seconds."""
        from influxdb_client.client.influxdb_client import InfluxDBClient

        self.url, self.database = url, database
        self._client = InfluxDBClient(url=url, token=token or "", timeout=int(timeout * 1000))
        if token:
            self._authorization = f"Token {token}"
        else:
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            self._authorization = f"Basic {pair}"

    def ask(self, statements: Sequence[str]) -> list[Answer]:
        """The answers to InfluxQL statements, one each, in one request.

        Raises ProvisionError where InfluxDB cannot be reached or refuses the request as a whole.
        Source: InfluxDB 1.x HTTP API reference, /query.
        """
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        if not statements:
            return []
        try:
            response = self._client.api_client.rest_client.POST(  # type: ignore[no-untyped-call]
                f"{self.url}/query",
                headers={
                    "Authorization": self._authorization,
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Accept": "application/json",
                },
                post_params=[
                    ("db", self.database),
                    ("epoch", "ms"),
                    ("q", ";\n".join(statements)),
                ],
                _preload_content=False,
            )
            body = json.loads(response.data)
        except ApiException as error:
            raise ProvisionError(
                f"InfluxDB at {self.url} refuses to answer: {error.status} {error.reason}",
                remedy="see whether its token or password is still the one in the secrets file",
            ) from error
        except (HTTPError, OSError, ValueError) as error:
            raise ProvisionError(f"InfluxDB at {self.url} cannot be asked: {error}") from error
        if "results" not in body:
            raise ProvisionError(f"InfluxDB at {self.url}: {body.get('error', body)}")
        answers = {int(result["statement_id"]): _answer(result) for result in body["results"]}
        return [answers.get(i, Answer((), "no answer")) for i in range(len(statements))]

    def close(self) -> None:
        """End the connection."""
        self._client.close()  # type: ignore[no-untyped-call]


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
