"""Grafana: the administrator's login, which must work, and what it has of our alerts.

admin_password of grafana.ini counts only when the database is created; later the password is set
with Grafana's own command, which reads it from standard input.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from typing import Any, Dict, List, Optional

from ansible.module_utils.provision import environment_file, secret_key
from ansible.module_utils.provision.alerting import Alerting, Refused
from ansible.module_utils.provision.http import ServiceError, basic, call_patiently, told

#: By which it is told who its administrator is, when it makes its database.
_ADMIN = "GF_SECURITY_ADMIN_PASSWORD"
#: Since 13 there is only `grafana`; 8 and before had only `grafana-cli`.
_PROGRAMS = (
    ["/usr/share/grafana/bin/grafana", "cli"],
    ["/usr/sbin/grafana", "cli"],
    ["/usr/sbin/grafana-cli"],
)


def reset_command(program: List[str]) -> List[str]:
    """The command that sets the first administrator's password to what it reads."""
    return [
        *program,
        "--homepath",
        "/usr/share/grafana",
        "--config",
        "/etc/grafana/grafana.ini",
        "--configOverrides",
        "cfg:default.paths.data=/var/lib/grafana cfg:default.paths.logs=/var/log/grafana"
        " cfg:default.paths.plugins=/var/lib/grafana/plugins",
        "admin",
        "reset-admin-password",
        "--password-from-stdin",
    ]


def converge(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    *,
    check: bool,
    patience: float = 60,
    refused: bool = False,
) -> Dict[str, Any]:
    """Make the login of entry work and its alerts be those of the files, or in check say of both.

    With refused the login was seen not to work: it is set without being tried, as five wrong ones
    lock it. Gives {"differences": [{"name", "action", "why"}], "secrets": {}}; raises ServiceError.
    """
    password = secrets[entry["secret"]]
    difference = {
        "name": "user " + entry["username"],
        "action": "change",
        "why": "its password is another",
    }
    if check:
        # To check a password takes Grafana a tenth of a second, for each question anew. One that it
        # was never given is not tried: after five wrong ones it takes none for five minutes.
        given = environment_file.value(entry["environment"], _ADMIN)
        alerting = Alerting(entry, password, patience)
        found = [difference, *alerting.unseen()]
        if given in (None, password):
            with contextlib.suppress(Refused):
                found = alerting.differences()
        return {"differences": found, "secrets": {}}
    if not refused:
        with contextlib.suppress(Refused):
            _reload_datasources(entry, password, patience)
            return {"differences": _alerts(entry, password, patience), "secrets": {}}
    _reset(password)
    try:
        _reload_datasources(entry, password, patience)
    except Refused:
        raise ServiceError(
            "Grafana at %s does not accept the password of %s, although it was just set."
            % (entry["url"], entry["username"]),
            "wait five minutes, in which Grafana takes no password after five wrong ones, and run"
            " again; and see that %s is its first administrator" % entry["username"],
        ) from None
    _alerts(entry, password, patience)
    return {"differences": [difference], "secrets": {}}


def keep(
    entry: Dict[str, Any], secrets: Dict[str, str], *, patience: float, refused: bool = False
) -> Dict[str, Any]:
    """Keep of people's what the files are about to replace, in the form of converge.

    The secret key goes into the secrets file, their notification policies into one of the host.
    """
    found = secret_key.difference(entry, secrets)
    taken = secret_key.taken(entry, secrets)
    password = secrets[entry["secret"]]
    alerting = Alerting(entry, password, patience)
    if os.path.exists(secret_key.DATABASE):
        if refused:
            _reset(password)
        try:
            found += alerting.keep()
        except Refused:
            _reset(password)
            found += alerting.keep()
        except ServiceError as error:
            raise ServiceError(
                "Notification policies that people made in Grafana cannot be kept: %s"
                % error.message,
                error.remedy
                or "see why Grafana does not run (journalctl -u grafana-server), start it and run"
                " again; or leave grafana_contacts out until it does",
            ) from None
    return {"differences": found, "secrets": taken}


def _reload_datasources(entry: Dict[str, Any], password: str, patience: float) -> None:
    # Which shows that the login works, too. Grafana 9.4 forgets the database of a datasource when
    # it creates it from a file, and has it once it finds the datasource there already.
    status, answer = call_patiently(
        entry["url"].rstrip("/") + "/api/admin/provisioning/datasources/reload",
        seconds=patience,
        method="POST",
        headers=basic(entry["username"], password),
    )
    if status != 200:
        raise (Refused if status in (401, 403) else ServiceError)(
            "Grafana at %s does not read its datasources again: HTTP %d %s"
            % (entry["url"], status, told(answer)),
            "see `journalctl -u grafana-server` on the host",
        )


def _alerts(entry: Dict[str, Any], password: str, patience: float) -> List[Dict[str, str]]:
    """Converge the alerts; what differed."""
    alerting = Alerting(entry, password, patience)
    differences = alerting.differences()
    if differences:
        alerting.converge()
    return differences


def _reset(password: str) -> None:
    program: Optional[List[str]] = next((p for p in _PROGRAMS if os.access(p[0], os.X_OK)), None)
    if program is None:
        raise ServiceError("Grafana's command line program is not there.", "install grafana again")
    try:
        account = pwd.getpwnam("grafana")
    except KeyError:
        raise ServiceError("There is no user grafana.", "install grafana again") from None

    def become_grafana() -> None:
        os.setgroups([account.pw_gid])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    done = subprocess.run(
        reset_command(program),
        input=password + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        preexec_fn=become_grafana,
        cwd="/usr/share/grafana",
        timeout=120,
    )
    if done.returncode:
        said = done.stdout.replace(password, "(secret)").strip().splitlines()
        raise ServiceError(
            "Grafana's password can't be reset: %s." % (said[-1] if said else "no reason given"),
            "run `grafana cli admin reset-admin-password` on the host by hand",
        )
