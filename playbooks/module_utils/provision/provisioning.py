"""Grafana's provisioned files, which it reads as it starts, and again when it is told to.

Source: Grafana documentation, HTTP API, Admin (Reload provisioning configurations).
"""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable

from ansible.module_utils.provision import environment_file
from ansible.module_utils.provision.http import ServiceError, basic, call_patiently, know, told

#: By which Grafana is told who its administrator is, when it makes its database.
ADMIN_VARIABLE = "GF_SECURITY_ADMIN_PASSWORD"


class Refused(ServiceError):
    """Grafana does not take the login, or not for that."""


def reload(url: str, kind: str, headers: Dict[str, str], patience: float) -> None:
    """Have the Grafana at url read its files of a kind again (datasources, alerting).

    headers log an administrator of the server in. Raises ServiceError where it has not read them.
    """
    status, answer = call_patiently(
        "%s/api/admin/provisioning/%s/reload" % (url.rstrip("/"), kind),
        seconds=patience,
        method="POST",
        headers=headers,
        timeout=60,
    )
    if status not in (200, 202):
        raise (Refused if status in (401, 403) else ServiceError)(
            "Grafana at %s does not read its files of %s again: HTTP %d %s"
            % (url, kind, status, told(answer)),
            "see `journalctl -u grafana-server` on the host",
        )


def take_up(service: Dict[str, Any], paths: Iterable[str], patience: float) -> bool:
    """Have a Grafana (of options.WORKING, with reload_by) read these files of its provisioning.

    Gives whether it has. The password is that with which it was started: where people have set
    another, or a file is not to be read, it takes nothing up.
    """
    by = service["reload_by"]
    password = environment_file.value(by["environment"], ADMIN_VARIABLE)
    if not password:
        return False
    know(by["url"], service.get("tls"))
    try:
        for kind in sorted({os.path.basename(os.path.dirname(path)) for path in paths}):
            reload(by["url"], kind, basic(by["username"], password), patience)
    except ServiceError:
        return False
    return True
