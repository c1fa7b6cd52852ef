"""Fetching the pages that this host's Telegraf scrapes, as it does: with GET, and not for long."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from typing import Any, Dict, Optional, Sequence
from urllib.error import URLError

from ansible.module_utils.provision import exposition
from ansible.module_utils.provision.http import NO_TLS, USER_AGENT, opened

#: How many bytes are read at once, and of how many it is seen whether they are metrics.
_PIECE, _MOST = 1 << 16, 32 << 20


class Fetches:
    """Pages that are fetched at once, while something else is done."""

    def __init__(self, urls: Sequence[str], seconds: float) -> None:
        """Begin. None may take longer than seconds, as with Telegraf's own timeout."""
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._found: Dict[str, str] = {}
        # A name that is looked up heeds no timeout: who is late is left behind.
        self._threads = {
            url: threading.Thread(target=self._fetch, args=(url,), daemon=True)
            for url in dict.fromkeys(urls)
        }
        for thread in self._threads.values():
            thread.start()

    def _fetch(self, url: str) -> None:
        self._found[url] = wrong(url, self._seconds)

    def told(self) -> Dict[str, str]:
        """By URL what is wrong with it, as wrong() says it; the time is waited for at most."""
        for thread in self._threads.values():
            thread.join(max(self._deadline - time.monotonic(), 0))
        late = _late(self._seconds)
        return {url: self._found.get(url, late) for url in self._threads}


def wrong(url: str, seconds: float) -> str:
    """What is wrong with a page that is fetched, in words that follow its URL; nothing if it came.

    Each part of the answer may take that many seconds.
    """
    # As Go's client sends it: nothing but ASCII is in a request.
    url = urllib.parse.quote(url, safe="".join(map(chr, range(33, 127))))
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310
    try:
        with opened(request, seconds) as answer:
            status = answer.getcode()
            if status != 200:  # Telegraf's inputs.http takes no other (success_status_codes)
                return "answers with HTTP %d" % status
            page = _read(answer)
            cut_off = bool(answer.length)
    except http.client.IncompleteRead:
        page, cut_off = None, True
    except (OSError, ValueError, http.client.HTTPException) as error:
        return _why(error.reason if isinstance(error, URLError) else error, seconds)
    if cut_off:
        return "cannot be fetched: the answer ends before its end"
    refused = exposition.refused(page) if page is not None else ""
    return "is a page of which Telegraf takes nothing: " + refused if refused else ""


def _read(answer: Any) -> Optional[str]:
    """A page as a whole; None of one that is too long to be looked at."""
    pieces, length = [], 0
    while True:
        piece = answer.read(_PIECE)
        length += len(piece)
        if not piece:
            return b"".join(pieces).decode("utf-8", "replace") if length <= _MOST else None
        if length <= _MOST:
            pieces.append(piece)


def _why(error: Any, seconds: float) -> str:
    if isinstance(error, socket.timeout):
        return _late(seconds)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = "its certificate is not to be trusted: %s" % error.verify_message
    elif isinstance(error, ssl.SSLError) and getattr(error, "reason", "") in NO_TLS:
        why = "what answers does not speak TLS"
    elif isinstance(error, ssl.SSLError):
        why = "what answers speaks no TLS that will do: %s" % (
            getattr(error, "reason", "") or error
        )
    elif isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        why = "what answers does not speak proper HTTP"
    else:
        why = str(getattr(error, "strerror", "") or error)
        # As the kernel says it: Connection refused.
        why = why[:1].lower() + why[1:]
    return "cannot be fetched: %s" % why


def _late(seconds: float) -> str:
    return "cannot be fetched: no whole answer within %g s" % seconds
