"""One HTTP request to a service on this host, secrets in headers and body alone."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Optional, Tuple

#: By it a service's journal tells our questions from others.
USER_AGENT = "provision-playbooks"


class ServiceError(Exception):
    """The service answers otherwise than it should: message, and what an operator can do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def basic(username: str, password: str) -> Dict[str, str]:
    """The header that logs username in."""
    token = base64.b64encode(("%s:%s" % (username, password)).encode()).decode()
    return {"Authorization": "Basic " + token}


def call(
    url: str,
    *,
    method: str = "GET",
    headers: Optional[Dict[str, str]] = None,
    form: Optional[Dict[str, str]] = None,
    body: Any = None,
    timeout: float = 10,
) -> Tuple[int, Any]:
    """Send one request; give the status and the answer (parsed JSON, or text).

    Raises ServiceError when nothing answers, or something that does not speak HTTP. No proxy of
    the environment is asked.
    """
    sent = {"User-Agent": USER_AGENT, **(headers or {})}
    data = None
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif body is not None:
        data = json.dumps(body).encode()
        sent["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=data, headers=sent, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        try:
            answer = opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            status, content = answer.getcode(), answer.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceError("Nothing answers at %s: %s." % (url, reason)) from None
    except http.client.HTTPException as error:
        raise ServiceError(
            "What answers at %s does not speak proper HTTP: %r." % (url, error)
        ) from None
    text = content.decode("utf-8", "replace")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def call_patiently(url: str, *, seconds: float, **request: Any) -> Tuple[int, Any]:
    """As call, but asked again while nothing answers or the service says that it is not ready."""
    deadline = time.monotonic() + seconds
    pause = 0.1
    while True:
        try:
            status, answer = call(url, **request)
            if status not in (502, 503, 504) or time.monotonic() > deadline:
                return status, answer
        except ServiceError:
            if time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def told(answer: Any) -> str:
    """What an error's answer says, in few words."""
    if isinstance(answer, dict):
        return str(answer.get("message") or answer.get("error") or answer)[:300]
    return str(answer).strip()[:300]
