"""Having services take up their files while they run, and seeing that they have.

A process that is told to reload stays the same for systemd, whatever comes of it. What proves it
are new sockets in the place of those that it listened on; a tenth of the time of a restart nobody
listens.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set

from ansible.module_utils.provision import listening, services, units

#: For so many seconds a reload may leave nobody to listen. What Telegraf holds it writes before it
#: listens again: for an InfluxDB that is silent, or where much has waited, that takes longer.
_DEAF = 2.0
#: For so many seconds what others have put in the place of a signal has time to do the same: it may
#: do something else.
_OTHERS = 10.0
#: For how many seconds it is waited between two looks at who listens: at least, and at most.
_GLANCE, _LONGEST = 0.002, 0.25
#: How systemd shows a unit that is reloaded by a signal to its process, and nothing else.
_HANGS_UP = re.compile(
    r"ExecReload=\{ path=\S+/kill ; argv\[\]=\S*kill -(?:s )?(?:SIG)?HUP \$MAINPID ; "
)


class Running(NamedTuple):
    """A service (of options.WORKING) as it runs.

    sockets are those by which it is seen to do so, none where it cannot be reloaded; process is
    its, if a signal to that is all that its unit would do for it, else 0.
    """

    service: Dict[str, Any]
    group: str
    sockets: Set[int]
    process: int

    def is_heard(self) -> bool:
        """Whether it still listens as it did."""
        return listening.is_heard(self.sockets, self.service["listen"])

    def is_heard_anew(self) -> bool:
        """Whether it listens where it shall by other sockets than before."""
        own = listening.held(self.group) or set()
        return listening.serve(own - self.sockets, self.service["listen"])


class Asked:
    """How services run: systemd is asked at once, and answers meanwhile."""

    def __init__(self, wanted: Sequence[Dict[str, Any]]) -> None:
        self._asked = [(service, units.asked(service["name"] + ".service")) for service in wanted]

    def answer(self) -> List[Running]:
        """How each of them runs."""
        return [_running(service, asked.communicate()[0]) for service, asked in self._asked]


def _running(service: Dict[str, Any], shown: str) -> Running:
    """With the sockets of one that is enabled and at work."""
    told = units.properties(shown)
    group = told.get("ControlGroup", "")
    if not group or units.has_job(told) or told.get("UnitFileState") != "enabled":
        return Running(service, group, set(), 0)
    commands = [line for line in shown.splitlines() if line.startswith("ExecReload=")]
    signalled = len(commands) == 1 and _HANGS_UP.match(commands[0])
    process = int(told.get("MainPID") or 0) if signalled else 0
    return Running(service, group, listening.held(group) or set(), process)


def at_work(past: Sequence[Running]) -> bool:
    """Whether all are enabled, and listen; not where that is not to be seen."""
    return all(running.service.get("listen") and running.is_heard() for running in past)


def reload(wanted: Dict[str, Any], before: Optional[Sequence[Running]] = None) -> bool:
    """Have the services of a module's options (options.WORKING) take up their files at work.

    before is how they run, if that was asked already. Gives whether all have; it is not tried where
    one is not at work. NotWorkingError if one does not stay so.
    """
    past = before or Asked(wanted["services"]).answer()
    if not at_work(past):
        return False
    done = all(_reloads(running, wanted["timeout"]) for running in past)
    if done and wanted["stable_seconds"]:
        services.await_working(wanted)
    return done


def _reloads(running: Running, timeout: float) -> bool:
    unit = running.service["name"] + ".service"
    if not _told(unit, running.process):
        return False
    # What is being gathered it waits for first (a target that hangs), and is heard meanwhile.
    _await(lambda: not running.is_heard(), timeout if running.process else min(timeout, _OTHERS))
    if _await(running.is_heard_anew, _DEAF):
        return True
    # Telegraf hears no other signal until it has written what it holds; it is on disk as well.
    shown = units.properties(units.asked(unit).communicate()[0])
    if int(shown.get("MainPID") or 0):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(shown["MainPID"]), signal.SIGKILL)
    return False


def _await(comes: Callable[[], bool], seconds: float) -> bool:
    """Wait until something has come, for so long at most; gives whether it has."""
    begun = now = time.monotonic()
    while not comes():
        now = time.monotonic()
        if now >= begun + seconds:
            return False
        # Fifty hosts may share a processor.
        pause = min(max(_GLANCE, (now - begun) / 10), _LONGEST)
        time.sleep(min(pause, begun + seconds - now))
    return True


def _told(unit: str, process: int) -> bool:
    """Tell a unit's process to take up its files; where that is by a signal, without systemd: it
    takes 30 ms to start what sends that, held in as the service is."""
    if process:
        try:
            os.kill(process, signal.SIGHUP)
        except ProcessLookupError:
            return False
        return True
    # Not every package's unit can (systemd.service(5), ExecReload).
    command = ["systemctl", "--quiet", "--no-block", "reload", unit]
    return not subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
