"""The process that a playbook runs in: a fork of this one, once it has loaded Ansible.

The site's inventory is read with Ansible, so this process has loaded what the other one needs: to
load it anew takes half a second of a core. The fork is made as soon as the inventory is read, while
there is no other thread, and waits at a socket for what to run; it ends where the socket is closed.
Where that cannot be (Ansible was loaded with another configuration, a second run) it is a process
of its own. Nothing is imported here that takes time.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn, Protocol

from provision.garbage import collect_seldom
from provision.paths import PLAYBOOKS

#: Half an inventory is none: Ansible would only warn, where it is read and in the run that follows.
WHOLE_INVENTORY = ("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true")
#: The number of the first descriptor that a run is handed, beside its standard input.
FIRST = 100
_MOST = 64


def playbook_environment(base: Mapping[str, str], *, verbose: bool) -> dict[str, str]:
    """The environment of a run; what the caller set stands, and an ansible.cfg of theirs."""
    environment = dict(base)
    if not any(map(os.path.exists, _own_configurations(base))):
        environment["ANSIBLE_CONFIG"] = str(PLAYBOOKS / "ansible.cfg")
    environment["PROVISION_PARENT"] = str(os.getpid())
    enabled = [each for each in environment.get("ANSIBLE_CALLBACKS_ENABLED", "").split(",") if each]
    environment["ANSIBLE_CALLBACKS_ENABLED"] = ",".join(dict.fromkeys([*enabled, "events"]))
    environment["PYTHONUNBUFFERED"] = "1"
    environment.setdefault(*WHOLE_INVENTORY)
    if not verbose:
        environment["ANSIBLE_NOCOLOR"] = "1"
    return environment


def _own_configurations(base: Mapping[str, str]) -> list[str]:
    """Where an operator's ansible.cfg would be (Ansible documentation, configuration settings)."""
    named = base.get("ANSIBLE_CONFIG")
    home = base.get("HOME", "/")
    return [
        *([named] if named else []),
        "ansible.cfg",
        f"{home}/.ansible.cfg",
        "/etc/ansible/ansible.cfg",
    ]


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
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


class Engine:
    """A process that has loaded Ansible, or is about to have.

    output is what it prints, unless it is shown as it comes.
    """

    def __init__(self, *, shown: bool, fork: bool = False) -> None:
        """Start it; shown says whether its output goes to the terminal, fork that it is one."""
        self.basis = basis(shown)
        self.output: IO[str] | None = None if shown else tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._socket, theirs = socket.socketpair()
        self.process: Process
        with theirs:
            if fork:
                self.process = Fork(lambda: self._serve(theirs))
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "provision.run.engine", str(theirs.fileno())],
                    env=playbook_environment(os.environ, verbose=shown),
                    pass_fds=[theirs.fileno()],
                    stdout=self.output,
                    stderr=self.output and subprocess.STDOUT,
                )

    def _serve(self, theirs: socket.socket) -> None:
        """What the fork does."""
        from provision.inventory import start_over

        self._socket.close()
        if self.output is not None:
            for number in (1, 2):
                os.dup2(self.output.fileno(), number)
        # What this process prints with may be somebody's who shows it elsewhere.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
        start_over()
        serve(theirs)

    def run(
        self, argv: Sequence[str], environment: Mapping[str, str], descriptors: Mapping[int, int]
    ) -> None:
        """Let it run ansible-playbook with these words.

        descriptors are those that it is handed, by the numbers that they have there.
        """
        message = json.dumps([list(argv), dict(environment), list(descriptors)]).encode()
        # Where it has ended already, its status and its output say why.
        with self._socket, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._socket, [len(message).to_bytes(8, "big")], descriptors.values())
            self._socket.sendall(message)

    def printed(self) -> str:
        """What it printed, where that was not shown."""
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
#: The environment that Ansible was loaded with here, where it is that of a run.
_loaded: list[tuple[object, ...]] = []


def basis(shown: bool) -> tuple[object, ...]:
    """On what an engine depends: one that was started on another is of no use."""
    return playbook_environment(os.environ, verbose=shown), Path.cwd(), shown


def prepare() -> None:
    """Let Ansible be loaded here as a run needs it, for the run that is to follow."""
    if "ansible" not in sys.modules:
        os.environ.update(playbook_environment(os.environ, verbose=False))
        _loaded[:] = [basis(shown=False)]


def fork_ahead() -> None:
    """Make the fork that the run is to follow in, where Ansible is loaded for it."""
    if _loaded == [basis(shown=False)] and not _prepared and threading.active_count() == 1:
        _prepared.append(Engine(shown=False, fork=True))
        _loaded.clear()


def engine(*, shown: bool) -> Engine:
    """The one that was prepared, or another where it does not fit."""
    ready = _prepared.pop() if _prepared else None
    if ready is not None:
        if ready.basis == basis(shown) and ready.process.poll() is None:
            return ready
        ready.close()
    return Engine(shown=shown)


def main() -> None:
    """Load Ansible, wait for what to run, and run it."""
    collect_seldom()
    serve(socket.socket(fileno=int(sys.argv[1])))


def serve(connection: socket.socket) -> None:
    """Load what every run loads, wait for what to run, and run it."""
    # Ctrl-C reaches this process too; until it runs something, that is for the other to tell.
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ansible.cli.playbook import PlaybookCLI

    from provision.run.loading import load_plugins

    load_plugins()
    gc.freeze()  # no collection touches, and so copies, what the processes for hosts share
    received = _received(connection)
    if received is None:
        return
    words, environment, descriptors = received
    os.environ.update(environment)
    for number, descriptor in descriptors.items():
        os.dup2(descriptor, number, inheritable=number == 0)
        os.close(descriptor)
    signal.signal(signal.SIGINT, interrupt)
    sys.argv = ["ansible-playbook", *words]
    PlaybookCLI.cli_executor(sys.argv)


def _received(connection: socket.socket) -> tuple[list[str], dict[str, str], dict[int, int]] | None:
    """What to run, with what added to the environment and which descriptors; None if nothing."""
    with connection:
        size, given, _, _ = socket.recv_fds(connection, 8, _MOST)
        if not size:
            return None
        left, message = int.from_bytes(size, "big"), b""
        while piece := connection.recv(left - len(message)):
            message += piece
        words, environment, numbers = json.loads(message)
    return words, environment, dict(zip(numbers, given, strict=True))


if __name__ == "__main__":
    main()
