"""Starting services, and seeing that they really work, or why one does not."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set

from ansible.module_utils.provision import old_files, previous, readiness
from ansible.module_utils.provision.trouble import Trouble

#: Options of the modules that start services, or only wait for them.
SPEC: Dict[str, Any] = {
    "services": {"type": "list", "elements": "dict", "default": []},
    "timeout": {"type": "float", "default": 60},
    "stable_seconds": {"type": "float", "default": 0},
}


#: A reload is over within so many seconds, or it will not be: what Telegraf holds for an InfluxDB
#: that is silent it tries to write first, and hears no statsd meanwhile.
_RELOAD = 2.0


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
        text = "%s Remedy: %s." % (self.message, self.remedy)
        return {
            "msg": text,
            "problem": self.message,
            "remedy": self.remedy,
            "journal": self.journal,
            "stopping": self.stopping,
        }


def start(services: Sequence[Dict[str, Any]], restart: bool, daemon_reload: bool) -> None:
    """Start services, now and with the host, without waiting: InfluxDB's wrapper waits for ever.

    With daemon_reload systemd reads its units anew before. Former starts and failures count no
    more: a unit that was started often in a short time would be refused (systemd.unit(5),
    StartLimitIntervalSec), whatever was mended since, and by whomever it was restarted.
    """
    units = [service["name"] + ".service" for service in services]
    if daemon_reload:
        _systemctl("daemon-reload")
    _run(["systemctl", "reset-failed", *units])
    for unit in units:
        state = _run(["systemctl", "show", "-p", "UnitFileState", "--value", unit]).strip()
        if state != "enabled":
            _systemctl("enable", unit)
        _systemctl("restart" if restart else "start", "--no-block", unit)


def reload(wanted: Dict[str, Any]) -> bool:
    """Have the services of a module's options (SPEC) take up their files while they run.

    Gives whether all have. What proves it are new sockets in the place of those that a service
    listened on, so it is not tried where there are none, or they are not to be seen. A tenth of
    the time of a restart nobody listens. NotWorkingError if one does not stay so.
    """
    past = {service["name"]: _reloadable(service) for service in wanted["services"]}
    brief = {**wanted, "timeout": _RELOAD, "stable_seconds": 0}
    done = all(past.values()) and all(
        _reloads(brief, service, past[service["name"]] or ()) for service in wanted["services"]
    )
    if done and wanted["stable_seconds"]:
        await_working(wanted)
    return done


def _reloadable(service: Dict[str, Any]) -> Optional[Set[int]]:
    """The sockets of one that listens, is enabled and at work; else nothing."""
    unit, listen = service["name"] + ".service", service.get("listen") or []
    seen = readiness.properties(_show(unit))
    idle = seen.get("Job", "0") in ("", "0")
    if not listen or not idle or seen.get("UnitFileState") != "enabled":
        return None
    own = readiness.held(seen.get("ControlGroup") or "/")
    return own if own and readiness.heard(listen, own) else None


def _reloads(wanted: Dict[str, Any], service: Dict[str, Any], past: Iterable[int]) -> bool:
    # Not every package's unit can (systemd.service(5), ExecReload).
    command = ["systemctl", "--quiet", "--no-block", "reload", service["name"] + ".service"]
    asked = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if asked.returncode:
        return False
    return not _waiting(wanted, service, past=past).wait()


def await_working(wanted: Dict[str, Any], restored: bool = False) -> float:
    """Wait until the services of a module's options (SPEC) work; gives for how many seconds.

    With restored they run with their old files, and may do without TLS where it is wanted.
    NotWorkingError if one does not.
    """
    waited = 0.0
    for service in wanted["services"]:
        waiting = _waiting(wanted, service, restored=restored)
        why = waiting.wait()
        waited += waiting.waited
        if why:
            raise _not_working(service, service["name"] + ".service", why)
    return round(waited, 1)


def _waiting(
    wanted: Dict[str, Any],
    service: Dict[str, Any],
    restored: bool = False,
    past: Iterable[int] = (),
) -> readiness.Waiting:
    if service.get("health"):
        from ansible.module_utils.provision.http import know

        know(service["health"], service.get("tls"))
    return readiness.Waiting(
        show=lambda: _show(service["name"] + ".service"),
        listen=service.get("listen") or [],
        health=service.get("health"),
        timeout=wanted["timeout"],
        stable=wanted["stable_seconds"],
        restored=restored,
        past=past,
    )


def _show(unit: str) -> str:
    return _run(["systemctl", "show", "-p", readiness.PROPERTIES, unit])


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
        # Nothing can be started any more: the transaction would be destructive.
        raise (
            _stopping()
            if _is_stopping()
            else NotWorkingError(
                "systemctl %s failed: %s." % (" ".join(words), done.stderr.strip().rstrip(".")),
                "see `systemctl status %s` on the host" % words[-1],
            )
        )


def _is_stopping() -> bool:
    return _run(["systemctl", "is-system-running"]).strip() == "stopping"


def _stopping() -> NotWorkingError:
    return NotWorkingError(
        "The host was shut down in the middle of the work.",
        "run again once it is up: what is half done is taken up",
        stopping=True,
    )


def _run(command: "list[str]") -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True
    )
    return done.stdout
