"""One HTTP request to a service on this host, secrets in headers and body alone."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
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


#: How services are known over TLS, by the scheme, host and port of their URL: {"name", "ca"}.
_KNOWN: Dict[str, Dict[str, Optional[str]]] = {}


class Untrusted(ServiceError):
    """What answers does not speak TLS where it should (or does), or proves to be another."""


def know(url: str, tls: Optional[Dict[str, Optional[str]]]) -> None:
    """From now on take at url only a certificate of tls["name"], signed by one of tls["ca"].

    ca is a text in PEM form, None the system's authorities. The name may be another than that in
    url: a service is asked where it listens. With tls None, the name is that in url.
    """
    if tls:
        _KNOWN[_origin(url)] = tls
    else:
        _KNOWN.pop(_origin(url), None)


def _origin(url: str) -> str:
    return "%s://%s" % urllib.parse.urlsplit(url)[:2]


#: What OpenSSL makes of an answer that is no TLS at all.
NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")


def _no_tls(where: str, error: ssl.SSLError) -> str:
    if error.reason in NO_TLS:
        return "What answers at %s does not speak TLS." % where
    return "What answers at %s speaks no TLS that will do: %s." % (where, error.reason or error)


class _Connection(http.client.HTTPSConnection):
    """Verifies by a name that may be another than that of the URL."""

    name = ""

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(  # type: ignore[attr-defined]
            self.sock, server_hostname=self.name or self.host
        )


#: Contexts by the authorities that they know: to read the system's takes a host 40 ms.
_CONTEXTS: Dict[Optional[str], ssl.SSLContext] = {}


class _Handler(urllib.request.AbstractHTTPHandler):
    """https:// by what is known of its origin. Nothing of TLS is made before there is need of it.

    urllib's own makes a context as soon as there is one of it (Python 3.12).
    """

    https_request = urllib.request.AbstractHTTPHandler.do_request_

    def https_open(self, request: urllib.request.Request) -> Any:
        known = _KNOWN.get(_origin(request.full_url)) or {}
        authorities = known.get("ca")
        if authorities not in _CONTEXTS:
            context = ssl.create_default_context(cadata=authorities)
            # Python 3.13 wants more of a certificate than Go, in which Telegraf and Grafana are.
            context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
            _CONTEXTS[authorities] = context

        def connection(host: str, **options: Any) -> _Connection:
            made = _Connection(host, context=_CONTEXTS[authorities], **options)
            made.name = known.get("name") or ""
            return made

        return self.do_open(connection, request)  # type: ignore[arg-type]


def _opener() -> urllib.request.OpenerDirector:
    """Without a proxy, and without what urllib.request.build_opener adds by itself."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        _Handler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _opener()


def opened(request: urllib.request.Request, timeout: float) -> Any:
    """What answers a request, whatever its status is; no proxy of the environment is asked.

    OSError, ValueError or http.client.HTTPException where nothing does, or not as it should.
    """
    try:
        return _OPENER.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        return error


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
    try:
        with opened(request, timeout) as answer:
            status, content = answer.getcode(), answer.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Untrusted(
                "The certificate at %s is not to be trusted: %s."
                % (_origin(url), reason.verify_message)
            ) from None
        if isinstance(reason, ssl.SSLError):
            raise Untrusted(_no_tls(_origin(url), reason)) from None
        raise ServiceError("Nothing answers at %s: %s." % (url, reason)) from None
    except http.client.HTTPException as error:
        raise ServiceError(
            "What answers at %s does not speak proper HTTP: %r." % (url, error)
        ) from None
    text = content.decode("utf-8", "replace")
    if status == 400 and "HTTP request to an HTTPS server" in text:  # Go's net/http
        raise Untrusted("What answers at %s wants TLS." % _origin(url))
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
