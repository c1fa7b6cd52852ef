"""Starting services, and seeing that they really work, or why one does not."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Dict, List, Sequence

from ansible.module_utils.provision import old_files, previous, readiness
from ansible.module_utils.provision.trouble import Trouble

_SILENT: Dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class NotWorkingError(Trouble):
    """A service does not work: message, remedy, and the last lines of its journal.

    With stopping no service does, since the host is shut down; what is half done is left to the
    next run then.
    """

    def __init__(
        self, message: str, remedy: str, journal: Sequence[str] = (), stopping: bool = False
    ) -> None:
        super().__init__(message, remedy)
        self.journal, self.stopping = list(journal), stopping

    def result(self) -> Dict[str, Any]:
        """What a module fails with."""
        return dict(super().result(), journal=self.journal, stopping=self.stopping)


def start(services: Sequence[Dict[str, Any]], restart: bool, daemon_reload: bool) -> None:
    """Start services, now and with the host, without waiting: InfluxDB's wrapper waits for ever.

    With daemon_reload systemd reads its units anew before. Former starts and failures count no
    more: a unit that was started often in a short time would be refused (systemd.unit(5),
    StartLimitIntervalSec), whatever was mended since, and by whomever it was restarted.
    """
    units = [service["name"] + ".service" for service in services]
    with subprocess.Popen(["systemctl", "reset-failed", *units], **_SILENT):
        if daemon_reload:
            _systemctl("daemon-reload")
        show = ["systemctl", "show", "-p", "UnitFileState", "--value"]
        disabled = [unit for unit in units if _run([*show, unit]).strip() != "enabled"]
    for unit in disabled:
        _systemctl("enable", unit)
    for unit in units:
        _systemctl("restart" if restart else "start", "--no-block", unit)


def asked(unit: str) -> "subprocess.Popen[str]":
    """A question to systemd about a unit, answered with what readiness.properties() reads."""
    command = ["systemctl", "show", "-p", readiness.PROPERTIES, unit]
    away = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=away, universal_newlines=True)


def await_working(wanted: Dict[str, Any], restored: bool = False) -> None:
    """Wait until the services of a module's options (options.WORKING) work.

    With restored they run with their old files, and may do without TLS where it is wanted.
    NotWorkingError if one does not.
    """
    for service in wanted["services"]:
        why = _waiting(wanted, service, restored).wait()
        if why:
            raise _not_working(service, service["name"] + ".service", why)


def _waiting(wanted: Dict[str, Any], service: Dict[str, Any], restored: bool) -> readiness.Waiting:
    if service.get("health"):
        from ansible.module_utils.provision.http import know

        know(service["health"], service.get("tls"))
    return readiness.Waiting(
        show=lambda: asked(service["name"] + ".service").communicate()[0],
        listen=service.get("listen") or [],
        health=service.get("health"),
        timeout=wanted["timeout"],
        stable=max(wanted["stable_seconds"], service.get("stable") or 0),
        restored=restored,
    )


def proven(unfinished: str) -> None:
    """Drop the folder of a role's old files, and the old version of its package: the new work."""
    previous.drop(os.path.basename(unfinished))
    old_files.drop(unfinished)


def _not_working(service: Dict[str, Any], unit: str, why: str) -> NotWorkingError:
    name = service["name"]
    if _is_stopping():
        return _stopping()
    lines: List[str] = []
    # What the service says itself, and only if it says nothing what systemd says about it.
    for which in ("_SYSTEMD_UNIT=" + unit, "--unit=" + unit):
        lines = lines or readiness.telling(
            _run(["journalctl", which, "-n", "500", "--no-pager", "-o", "cat"])
        )
    problem = "%s does not work: %s." % (name, why)
    if lines:
        problem += " Its journal ends: " + " / ".join(lines[-4:])[-800:].rstrip(".") + "."
    status = readiness.properties(_run(["systemctl", "show", "-p", "ExecMainStatus", unit]))
    remedy = readiness.remedy(name, status.get("ExecMainStatus", ""))
    taken = readiness.strangers(_run(["ss", "-Hlntup"]), service.get("listen") or [], unit)
    if taken:
        problem += " %s." % " and ".join(taken)
        remedy = "stop it, or give %s another port" % name
    changed = readiness.drop_ins(_run(["systemctl", "show", "--value", "-p", "DropInPaths", unit]))
    if changed:
        problem += " Its unit is changed by %s." % " and ".join(changed)
        remedy += "; see whether it works without those drop-ins"
    return NotWorkingError(problem, remedy, lines)


def _systemctl(*words: str) -> None:
    done = subprocess.run(
        ["systemctl", "--quiet", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    if done.returncode:
        if _is_stopping():  # nothing can be started any more: the transaction would be destructive
            raise _stopping()
        raise NotWorkingError(
            "systemctl %s failed: %s." % (" ".join(words), done.stderr.strip().rstrip(".")),
            "see `systemctl status %s` on the host" % words[-1],
        )


def _is_stopping() -> bool:
    return _run(["systemctl", "is-system-running"]).strip() == "stopping"


def _stopping() -> NotWorkingError:
    return NotWorkingError("The host is being shut down.", "run again once it is up", stopping=True)


def _run(command: "list[str]") -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True
    )
    return done.stdout
