"""The process with Ansible: what it does for the one that has made it (provision.run.engine)."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from provision.errors import ProvisionError
from provision.garbage import collect_seldom
from provision.run.messages import received, send

if TYPE_CHECKING:
    from provision.run.reading import Reading

_DONE = object()
_BESIDE = frozenset({"-C", "--check", "-D", "--diff"})


def main() -> None:
    """Load Ansible, wait for what to run, and run it."""
    collect_seldom()
    serve(socket.socket(fileno=int(sys.argv[1])))


def serve(
    connection: socket.socket,
    output: IO[str] | None = None,
    options: Sequence[str] | None = None,
) -> None:
    """Load Ansible, wait for what to do, and do it; a run prints to the output.

    The inventory that options name is read first, where they are known. What only runs need is
    loaded after it, while the other has something to do.
    """
    # Ctrl-C reaches this process too; until it does something, that is for the other to tell.
    interrupt = signal.getsignal(signal.SIGINT)
    quiet = signal.SIG_DFL if interrupt is signal.default_int_handler else interrupt
    signal.signal(signal.SIGINT, quiet)
    from provision.run.loading import load_plugins, pace, remember_settings

    remember_settings()
    from ansible.cli.playbook import PlaybookCLI

    from provision.run.reading import hand_on, start_over

    pace()

    class Playbook(PlaybookCLI):  # type: ignore[misc]
        def _play_prereqs(self) -> Any:
            made = super()._play_prereqs()
            hand_on(made[0])
            return made

    with connection:
        ahead = _Ahead(options) if options is not None else None
        loads = load_plugins()
        asked = _received(connection, loads)
        while asked is not None and asked[0][0] == "read":
            signal.signal(signal.SIGINT, interrupt)
            _read(connection, asked[0][1], ahead)
            signal.signal(signal.SIGINT, quiet)
            ahead = None
            asked = _received(connection, loads)
        if asked is None:
            return
    for _ in loads:
        pass
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


class _Ahead:
    """An inventory whose files are read before the other asks for it."""

    def __init__(self, options: Sequence[str]) -> None:
        """Read what the options name; what comes of it is told to who asks."""
        from provision.run.reading import Reading

        self._options = _that_matter(options)
        self._made: Reading | Exception
        try:
            self._made = Reading(options, ahead=True)
        except Exception as error:
            self._made = error

    def reading(self, options: Sequence[str]) -> Reading | None:
        """What was read with these options, None with others. Raises what came instead."""
        if self._options != _that_matter(options):
            return None
        if isinstance(self._made, Exception):
            raise self._made
        return self._made


def _that_matter(options: Sequence[str]) -> list[str]:
    """Without what says nothing of an inventory that does not ask for it (ansible_check_mode).

    Some commands take it away.
    """
    return [option for option in options if option not in _BESIDE]


def _received(connection: socket.socket, meanwhile: Iterator[None]) -> Any:
    """What the other says; until there is anything, something else is done step by step."""
    while not select.select([connection], [], [], 0)[0]:
        if next(meanwhile, _DONE) is _DONE:
            break
    return received(connection)


def _read(connection: socket.socket, options: Sequence[str], ahead: _Ahead | None) -> None:
    """Read an inventory, and answer with it."""
    from provision.run.reading import Reading

    def wanted(directory: Path) -> frozenset[str]:
        send(connection, ("wanted?", directory))
        answer = received(connection)
        if answer is None:
            raise SystemExit(1)  # the other has ended, or is about to
        names: frozenset[str] = answer[0]
        return names

    try:
        reading = (ahead and ahead.reading(options)) or Reading(options)
        send(connection, ("inventory", reading.inventory(wanted)))
    except (ProvisionError, OSError) as error:
        send(connection, ("failed", error))
    except Exception:
        send(connection, ("failed", RuntimeError(traceback.format_exc())))


if __name__ == "__main__":
    main()
