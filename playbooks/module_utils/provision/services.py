"""Starting services, and seeing that they really work, or why one does not."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Dict, Sequence

from ansible.module_utils.provision import old_files, previous, units
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
    names = [service["name"] + ".service" for service in services]
    with subprocess.Popen(["systemctl", "reset-failed", *names], **_SILENT):
        if daemon_reload:
            _systemctl("daemon-reload")
        disabled = [unit for unit in names if units.shown(unit, "UnitFileState") != "enabled"]
    for unit in disabled:
        _systemctl("enable", unit)
    for unit in names:
        _systemctl("restart" if restart else "start", "--no-block", unit)


def await_working(wanted: Dict[str, Any], restored: bool = False) -> None:
    """Wait until the services of a module's options (options.WORKING) work.

    With restored they run with their old files, and may do without TLS where it is wanted.
    NotWorkingError if one does not.
    """
    from ansible.module_utils.provision import readiness

    for service in wanted["services"]:
        why = readiness.waiting(wanted, service, restored).wait()
        if not why:
            continue
        if _is_stopping():
            raise _stopping()
        from ansible.module_utils.provision import diagnosis

        raise NotWorkingError(*diagnosis.of(service["name"], service.get("listen") or [], why))


def proven(unfinished: str) -> None:
    """Drop the folder of a role's old files, and the old version of its package: the new work."""
    previous.drop(os.path.basename(unfinished))
    old_files.drop(unfinished)


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
    return units.printed(["systemctl", "is-system-running"]).strip() == "stopping"


def _stopping() -> NotWorkingError:
    return NotWorkingError("The host is being shut down.", "run again once it is up", stopping=True)
