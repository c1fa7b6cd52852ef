"""Starting services, and seeing that they really work, or why one does not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import Any, Dict, Iterable, List, Sequence, Set

from ansible.module_utils.provision import old_files, previous, readiness
from ansible.module_utils.provision.trouble import Trouble

#: Options of the modules that start services, or only wait for them.
SPEC: Dict[str, Any] = {
    "services": {"type": "list", "elements": "dict", "default": []},
    "timeout": {"type": "float", "default": 60},
    "stable_seconds": {"type": "float", "default": 0},
}
#: For so many seconds a reload may leave nobody to listen. What Telegraf holds it writes before it
#: listens again: for an InfluxDB that is silent, or where much has waited, that takes longer.
_DEAF = 2.0
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
    with subprocess.Popen(["systemctl", "reset-failed", *units], **_SILENT):
        if daemon_reload:
            _systemctl("daemon-reload")
        show = ["systemctl", "show", "-p", "UnitFileState", "--value"]
        disabled = [unit for unit in units if _run([*show, unit]).strip() != "enabled"]
    for unit in disabled:
        _systemctl("enable", unit)
    for unit in units:
        _systemctl("restart" if restart else "start", "--no-block", unit)


def reload(wanted: Dict[str, Any]) -> bool:
    """Have the services of a module's options (SPEC) take up their files while they run.

    Gives whether all have. What proves it are new sockets in the place of those that a service
    listened on, so it is not tried where there are none, or they are not to be seen. A tenth of
    the time of a restart nobody listens. NotWorkingError if one does not stay so.
    """
    past = [(service, _reloadable(service)) for service in wanted["services"]]
    if not all(sockets for _, sockets in past):
        return False
    done = all(_reloads(wanted, service, sockets) for service, sockets in past)
    if done and wanted["stable_seconds"]:
        await_working(wanted)
    return done


def _reloadable(service: Dict[str, Any]) -> Set[int]:
    """The sockets of one that listens, is enabled and at work; else none."""
    seen = readiness.properties(_show(service["name"] + ".service"))
    idle = seen.get("Job", "0") in ("", "0")
    group = seen.get("ControlGroup")
    if not service.get("listen") or not idle or not group or seen.get("UnitFileState") != "enabled":
        return set()
    own = readiness.held(group) or set()
    return own if readiness.is_heard(own) else set()


def _reloads(wanted: Dict[str, Any], service: Dict[str, Any], past: Set[int]) -> bool:
    unit = service["name"] + ".service"
    # Not every package's unit can (systemd.service(5), ExecReload).
    command = ["systemctl", "--quiet", "--no-block", "reload", unit]
    if subprocess.call(command, **_SILENT):
        return False
    # What is being gathered it waits for first (a target that hangs), and is heard meanwhile.
    end = time.monotonic() + wanted["timeout"]
    while readiness.is_heard(past) and time.monotonic() < end:
        time.sleep(0.005)
    brief = {**wanted, "timeout": _DEAF, "stable_seconds": 0}
    if not _waiting(brief, service, past=past).wait():
        return True
    # Telegraf hears no other signal until it has written what it holds; it is on disk as well.
    process = int(readiness.properties(_show(unit)).get("MainPID") or 0)
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return False


def await_working(wanted: Dict[str, Any], restored: bool = False) -> None:
    """Wait until the services of a module's options (SPEC) work.

    With restored they run with their old files, and may do without TLS where it is wanted.
    NotWorkingError if one does not.
    """
    for service in wanted["services"]:
        why = _waiting(wanted, service, restored=restored).wait()
        if why:
            raise _not_working(service, service["name"] + ".service", why)


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
        stable=max(wanted["stable_seconds"], service.get("stable") or 0),
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
