"""Starting services, and seeing that they really work, or why one does not."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import time
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set

from ansible.module_utils.provision import old_files, previous, readiness
from ansible.module_utils.provision.trouble import Trouble

#: For so many seconds a reload may leave nobody to listen. What Telegraf holds it writes before it
#: listens again: for an InfluxDB that is silent, or where much has waited, that takes longer.
_DEAF = 2.0
#: How systemd shows a unit that is reloaded by a signal to its process, and nothing else.
_HANGS_UP = re.compile(
    r"ExecReload=\{ path=\S+/kill ; argv\[\]=\S*kill -(?:s )?(?:SIG)?HUP \$MAINPID ; "
)
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


class Running(NamedTuple):
    """How a service runs that could be reloaded: the sockets by which it is seen to be, none where
    it could not, and its process, if a signal to that is all that its unit would do (else 0).
    """

    sockets: Set[int]
    process: int


class Asked:
    """How services run that could be reloaded: systemd is asked at once, and answers meanwhile."""

    def __init__(self, services: Sequence[Dict[str, Any]]) -> None:
        self._asked = [(service, _asked(service["name"] + ".service")) for service in services]

    def answer(self) -> List[Running]:
        """How each of them runs."""
        return [_running(service, asked.communicate()[0]) for service, asked in self._asked]


def _asked(unit: str) -> "subprocess.Popen[str]":
    """A question to systemd about a unit, which is answered by what readiness.properties reads."""
    command = ["systemctl", "show", "-p", readiness.PROPERTIES, unit]
    away = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=away, universal_newlines=True)


def _running(service: Dict[str, Any], shown: str) -> Running:
    """The sockets only of one that listens, is enabled and at work."""
    told = readiness.properties(shown)
    idle = told.get("Job", "0") in ("", "0")
    group = told.get("ControlGroup")
    if not service.get("listen") or not idle or not group or told.get("UnitFileState") != "enabled":
        return Running(set(), 0)
    commands = [line for line in shown.splitlines() if line.startswith("ExecReload=")]
    signalled = len(commands) == 1 and _HANGS_UP.match(commands[0])
    process = int(told.get("MainPID") or 0) if signalled else 0
    return Running(readiness.held(group) or set(), process)


def reload(wanted: Dict[str, Any], before: Optional[Sequence[Running]] = None) -> bool:
    """Have the services of a module's options (options.WORKING) take up their files at work.

    before is how they run, if that was asked already. Gives whether all have. What proves it are
    new sockets in the place of those that a service listened on, so it is not tried where there are
    none, or they are not to be seen. A tenth of the time of a restart nobody listens.
    NotWorkingError if one does not stay so.
    """
    past = before or Asked(wanted["services"]).answer()
    if not all(map(_is_heard, wanted["services"], past)):
        return False
    done = all(map(functools.partial(_reloads, wanted), wanted["services"], past))
    if done and wanted["stable_seconds"]:
        await_working(wanted)
    return done


def _is_heard(service: Dict[str, Any], running: Running) -> bool:
    return readiness.is_heard(running.sockets, service.get("listen") or ())


def _reloads(wanted: Dict[str, Any], service: Dict[str, Any], past: Running) -> bool:
    unit = service["name"] + ".service"
    if not _told(unit, past.process):
        return False
    # What is being gathered it waits for first (a target that hangs), and is heard meanwhile.
    end = time.monotonic() + wanted["timeout"]
    while _is_heard(service, past) and time.monotonic() < end:
        time.sleep(0.002)
    brief = {**wanted, "timeout": _DEAF, "stable_seconds": 0}
    if not _waiting(brief, service, past=past.sockets).wait():
        return True
    # Telegraf hears no other signal until it has written what it holds; it is on disk as well.
    process = int(readiness.properties(_show(unit)).get("MainPID") or 0)
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return False


def _told(unit: str, process: int) -> bool:
    """Tell a unit's process to take up its files: where that is known by a signal, as systemd takes
    30 ms to start what sends it, held in as the service is."""
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGHUP)
            return True
        return False
    # Not every package's unit can (systemd.service(5), ExecReload).
    return not subprocess.call(["systemctl", "--quiet", "--no-block", "reload", unit], **_SILENT)


def await_working(wanted: Dict[str, Any], restored: bool = False) -> None:
    """Wait until the services of a module's options (options.WORKING) work.

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
    return _asked(unit).communicate()[0]


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
