"""Whether InfluxDB lets in with the credentials that a host is about to be given."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from ansible.module_utils.provision.http import ServiceError, Untrusted, call, know

#: A monitoring host that is down must not hold up its workers.
_TIMEOUT = 5


def strange(logins: Sequence[Dict[str, Any]], timeout: float = _TIMEOUT) -> Optional[str]:
    """What is wrong with the TLS of a server, None if nothing is.

    Each is asked how it is before it is told any credentials. Who does not answer is not strange.
    """
    for login in logins:
        know(login["server"], {"name": None, "ca": login.get("ca")})
        try:
            call(login["server"].rstrip("/") + "/ping", timeout=timeout)
        except Untrusted as error:
            return error.message
        except ServiceError:
            continue
    return None


def refused(logins: Sequence[Dict[str, Any]], timeout: float = _TIMEOUT) -> Optional[str]:
    """The server that refuses its login ({"server", "url", "authorization"}), None if none does.

    Each is tried with a write of nothing. Who does not answer, or otherwise, refuses nothing.
    """
    for login in logins:
        try:
            status, _ = call(
                login["url"],
                method="POST",
                headers={"Authorization": login["authorization"]},
                timeout=timeout,
            )
        except ServiceError:
            continue
        if status in (401, 403):
            return str(login["server"])
    return None
