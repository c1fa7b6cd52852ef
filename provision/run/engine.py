"""The process that has loaded Ansible: it reads the site's inventory, then runs a playbook.

To load Ansible takes half a second of a core, and so does to load what renders a site; a process
that is made as a command begins does the one while this process does the other. It is a fork, made
while there is no other thread, and waits at a socket for what to do; it ends where the socket is
closed. A run that has none (a second one, one whose output is shown) starts a process of its own.
Nothing is imported here that takes time.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, Protocol

from provision.errors import ProvisionError
from provision.run.environment import playbook_environment
from provision.run.messages import received, send

if TYPE_CHECKING:
    from provision.inventory import Inventory, Wanted

#: The number of the first descriptor that a run is handed, beside its standard input.
FIRST = 100
# How long one that was interrupted may take to give the terminal back, in seconds.
_PATIENCE = 0.5


class Process(Protocol):
    """What is asked of a process, as subprocess.Popen has it."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Its status where it has ended."""

    def wait(self) -> int:
        """Its status, once it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""


class Fork:
    """A process that is a fork of this one (Process); it does work and ends, whatever happens."""

    def __init__(self, work: Callable[[], None]) -> None:
        """Fork; work ends with SystemExit or an exception, or comes to its end."""
        self.returncode: int | None = None
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.pid = os.fork()
        if not self.pid:
            _end(work)

    def poll(self) -> int | None:
        """Its status where it has ended."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """Its status, once it has ended."""
        status = self._wait(0)
        assert status is not None
        return status

    def terminate(self) -> None:
        """Ask it to end, unless it has."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, options)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _end(work: Callable[[], None]) -> NoReturn:
    """Do it and end the process, without what is to be done at the end of the first one."""
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        work()
        status = 0
    except SystemExit as stop:
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
        else:
            status = stop.code or 0
    except KeyboardInterrupt:  # which the first one tells of
        status = 128 + signal.SIGINT
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


class Engine:
    """A process that has loaded Ansible, or is about to have.

    output is what a run prints, unless it is shown as it comes.
    """

    def __init__(
        self, *, shown: bool, fork: bool = False, options: Sequence[str] | None = None
    ) -> None:
        """Start it; shown says whether its output goes to the terminal, fork that it is one.

        A fork reads the inventory that these options name before it is told to, if nobody is asked
        for a password.
        """
        self.basis = basis(shown)
        self.output: IO[str] | None = None if shown else tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._socket, theirs = socket.socketpair()
        self.process: Process
        environment = playbook_environment(os.environ, verbose=shown)
        with theirs:
            if fork:
                self.process = Fork(lambda: self._serve(theirs, environment, options))
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "provision.run.serving", str(theirs.fileno())],
                    env=environment,
                    pass_fds=[theirs.fileno()],
                    stdout=self.output,
                    stderr=self.output and subprocess.STDOUT,
                )

    def _serve(
        self,
        theirs: socket.socket,
        environment: Mapping[str, str],
        options: Sequence[str] | None,
    ) -> None:
        """What the fork does."""
        from provision.run.serving import serve

        self._socket.close()
        os.environ.clear()
        os.environ.update(environment)
        # What this process prints with may be somebody's who shows it elsewhere.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
        serve(theirs, self.output, options)

    def read(self, options: Sequence[str], wanted: Wanted) -> Inventory:
        """Let it read an inventory, as read_inventory() does.

        What it asks for (the vault's password) and warns of is between it and the terminal. Raises
        SystemExit with its status where it ends over that, having said why.
        """
        try:
            send(self._socket, ["read", list(options)])
            while (answer := received(self._socket)) is not None:
                (kind, value), _ = answer
                if kind == "wanted?":
                    send(self._socket, wanted(value))
                elif kind == "failed":
                    raise value
                else:
                    inventory: Inventory = value
                    return inventory
            status = self.process.wait()
            if status < 0:
                how = signal.Signals(-status).name
                raise ProvisionError(f"the process that reads the inventory was killed ({how})")
            raise SystemExit(status)
        except KeyboardInterrupt:
            # Where it has asked for a password, the terminal is as it was only once it has ended.
            until = time.monotonic() + _PATIENCE
            while self.process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            raise

    def run(
        self, argv: Sequence[str], environment: Mapping[str, str], descriptors: Mapping[int, int]
    ) -> None:
        """Let it run ansible-playbook with these words; it does nothing after that.

        descriptors are those that it is handed, by the numbers that they have there.
        """
        message = ["run", list(argv), dict(environment), list(descriptors)]
        with self._socket:
            send(self._socket, message, [*descriptors.values()])

    def printed(self) -> str:
        """What a run printed, where that was not shown."""
        if self.output is None:
            return ""
        self.output.seek(0)
        return self.output.read()

    def close(self) -> None:
        """End it, whatever it does."""
        self._socket.close()
        self.process.terminate()
        self.process.wait()
        if self.output is not None:
            self.output.close()


_prepared: list[Engine] = []


def basis(shown: bool) -> tuple[object, ...]:
    """On what an engine depends: one that was started on another is of no use."""
    return playbook_environment(os.environ, verbose=shown), Path.cwd(), shown


def prepare(options: Sequence[str] | None = None) -> None:
    """Make the process that the inventory is to be read in, and a run is to follow in.

    Where it is known with which options it will be read, it begins with that. Where Ansible is
    loaded here, or there is another thread, there is none.
    """
    if not _prepared and "ansible" not in sys.modules and threading.active_count() == 1:
        _prepared.append(Engine(shown=False, fork=True, options=options))
        atexit.register(_dismiss)


def _dismiss() -> None:
    """End the one that is not needed any more."""
    while _prepared:
        _prepared.pop().close()


def prepared() -> Engine | None:
    """The process that prepare() has made, where it is still as one that is made now would be."""
    if _prepared and _prepared[0].basis != basis(shown=False):
        _dismiss()
    return _prepared[0] if _prepared else None


def engine(*, shown: bool) -> Engine:
    """The one that was prepared, or another where it does not fit."""
    ready = None if shown else prepared()
    _prepared.clear() if ready else _dismiss()
    if ready is not None:
        if ready.process.poll() is None:
            return ready
        ready.close()
    return Engine(shown=shown)


def read_inventory(options: Sequence[str], wanted: Wanted) -> Inventory:
    """Read the inventory that ansible-playbook would use with these options (-i, -l, -e, vault).

    Variables that are not wanted may be templates that cannot be evaluated yet. It is read by the
    process that the run is to follow in, where there is one, else in this one.
    Raises ProvisionError for an inventory that Ansible cannot read or a variable it cannot
    evaluate.
    """
    if ready := prepared():
        return ready.read(options, wanted)
    from provision.run.reading import read

    return read(options, wanted)
