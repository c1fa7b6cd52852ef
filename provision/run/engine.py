"""The process that a playbook runs in, begun before it is known what will run.

Python takes as long to load Ansible as to read a site: with two cores they go side by side. The
process loads Ansible, waits at a socket for what to run, and ends where the socket is closed.
Nothing is imported here that takes time.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

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
    enabled = environment.get("ANSIBLE_CALLBACKS_ENABLED")
    environment["ANSIBLE_CALLBACKS_ENABLED"] = ",".join(filter(None, [enabled, "events"]))
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


class Engine:
    """A process that has loaded Ansible, or is about to have.

    output is what it prints, unless it is shown as it comes.
    """

    def __init__(self, *, shown: bool) -> None:
        """Start it; shown says whether its output goes to the terminal."""
        self.basis = basis(shown)
        self.output: IO[str] | None = None if shown else tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "provision.run.engine", str(theirs.fileno())],
                env=playbook_environment(os.environ, verbose=shown),
                pass_fds=[theirs.fileno()],
                stdout=self.output,
                stderr=self.output and subprocess.STDOUT,
            )

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


def basis(shown: bool) -> tuple[object, ...]:
    """On what an engine depends: one that was started on another is of no use."""
    return playbook_environment(os.environ, verbose=shown), Path.cwd(), shown


def prepare() -> None:
    """Begin to load Ansible, for the run that is to follow."""
    if not _prepared:
        _prepared.append(Engine(shown=False))


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
    # Ctrl-C reaches this process too; until it runs something, that is for the other to tell.
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    collect_seldom()
    from ansible.cli.playbook import PlaybookCLI

    from provision.run.loading import load_plugins

    load_plugins()
    gc.freeze()  # no collection touches, and so copies, what the processes for hosts share
    received = _received(socket.socket(fileno=int(sys.argv[1])))
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
