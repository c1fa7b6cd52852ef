"""The process with Ansible: what it does for the one that has made it (provision.run.engine)."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from provision.errors import ProvisionError
from provision.garbage import collect_seldom
from provision.run.messages import received, send


def main() -> None:
    """Load Ansible, wait for what to run, and run it."""
    collect_seldom()
    serve(socket.socket(fileno=int(sys.argv[1])))


def serve(connection: socket.socket, output: IO[str] | None = None, *, reads: bool = False) -> None:
    """Load Ansible, wait for what to do, and do it; a run prints to the output.

    reads says that an inventory comes first: what only runs need is loaded after it.
    """
    # Ctrl-C reaches this process too; until it does something, that is for the other to tell.
    interrupt = signal.getsignal(signal.SIGINT)
    quiet = signal.SIG_DFL if interrupt is signal.default_int_handler else interrupt
    signal.signal(signal.SIGINT, quiet)
    from ansible.cli.playbook import PlaybookCLI

    from provision.run.loading import load_plugins
    from provision.run.reading import hand_on, start_over

    class Playbook(PlaybookCLI):  # type: ignore[misc]
        def _play_prereqs(self) -> Any:
            made = super()._play_prereqs()
            hand_on(made[0])
            return made

    with connection:
        if not reads:
            load_plugins()
        asked = received(connection)
        while asked is not None and asked[0][0] == "read":
            signal.signal(signal.SIGINT, interrupt)
            _read(connection, asked[0][1])
            signal.signal(signal.SIGINT, quiet)
            load_plugins()
            asked = received(connection)
        if asked is None:
            return
    signal.signal(signal.SIGINT, interrupt)
    (_, argv, environment, numbers), given = asked
    gc.freeze()  # no collection touches, and so copies, what the processes for hosts share
    os.environ.update(environment)
    for number, descriptor in zip(numbers, given, strict=True):
        os.dup2(descriptor, number, inheritable=number == 0)
        os.close(descriptor)
    if output is not None:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    start_over()
    sys.argv = ["ansible-playbook", *argv]
    Playbook.cli_executor(sys.argv)


def _read(connection: socket.socket, options: Sequence[str]) -> None:
    """Read an inventory, and answer with it."""
    from provision.run.reading import read

    def wanted(directory: Path) -> frozenset[str]:
        send(connection, ("wanted?", directory))
        answer = received(connection)
        if answer is None:
            raise SystemExit(1)  # the other has ended, or is about to
        names: frozenset[str] = answer[0]
        return names

    try:
        send(connection, ("inventory", read(options, wanted)))
    except (ProvisionError, OSError) as error:
        send(connection, ("failed", error))
    except Exception:
        send(connection, ("failed", RuntimeError(traceback.format_exc())))


if __name__ == "__main__":
    main()
