"""Many hosts asked at once, by ssh clients that are started here.

Ansible makes a process for each task on each host. Of fifty hosts that are as they should be, most
of a comparison's time is that; an ssh client each is enough (comparing.reaching says which).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from comparing import report
from comparing.answers import Answer

#: For how many seconds the first answer is waited for, and at least and at most each further one.
FIRST, LEAST, MOST = 5.0, 2.0, 15.0


@dataclass(eq=False)
class Asked:
    """A host that was asked: before is when, since 1970, and begun by a clock that nobody sets."""

    host: str
    process: subprocess.Popen[bytes]
    output: int
    errors: int
    before: float
    begun: float

    def ended(self) -> Ended:
        """How it ended, as it has."""
        texts = [_read(each) for each in (self.output, self.errors)]
        return Ended(self.process.wait(), *texts, self.before, time.time())

    def end(self, why: str = "") -> Ended:
        """End it now, as it is not waited for."""
        self.process.kill()
        return replace(self.ended(), given_up=why)


@dataclass(frozen=True)
class Ended:
    """How what was started for a host ended; before and after are seconds since 1970.

    given_up is why it was ended here, as Ansible says it.
    """

    status: int
    stdout: str
    stderr: str
    before: float
    after: float
    given_up: str = ""

    def answer(self) -> Answer | None:
        """What a comparing script has said; None where ssh or the script failed."""
        if self.status or not report.is_whole(self.stdout):
            return None
        return Answer(self.stdout, self.before, self.after)


def ask(
    questions: list[tuple[str, Callable[[], tuple[list[bytes], bytes]]]],
    most: int,
    within: float | None = None,
) -> Iterator[tuple[str, Ended | None]]:
    """Ask hosts, at most so many at a time, and give how that ended as it ends.

    Each question gives what to start and its input; its host is asked while those of others are
    made, and what is appended meanwhile is asked as well. Who could not be asked has None. Each is
    waited for for so many seconds; where none are said, as long as it takes others.
    """
    waiting = _Waiting(_Patience() if within is None else _Deadline(within))
    try:
        while True:
            while questions:
                host, question = questions.pop(0)
                try:
                    argv, script = question()
                    if waiting.hopeless:
                        raise TimeoutError
                    asked = _start(host, argv, script)
                except Exception:  # whatever it is: a task of its own tells of it
                    yield host, None
                else:
                    yield from waiting.add(asked)
                yield from waiting.answers(most - 1)
            waiting.patience.begin()
            for each in waiting.answers(0):
                yield each
                if questions:
                    break
            else:
                return
    finally:
        waiting.close()


class _Waiting:
    """Hosts that were asked and have not answered yet."""

    def __init__(self, patience: _Patience | _Deadline) -> None:
        self.patience = patience
        self._ends = selectors.DefaultSelector()
        self._given_up = 0

    @property
    def hopeless(self) -> bool:
        """Whether one batch after another was given up: hosts that are down stand together."""
        return self._given_up > 1

    def add(self, asked: Asked) -> Iterator[tuple[str, Ended]]:
        """Wait for it; where that cannot be, it is ended, and given."""
        try:
            end = os.pidfd_open(asked.process.pid)
            self._ends.register(end, selectors.EVENT_READ, asked)
        except (OSError, AttributeError) as error:  # there are too many, or it is no Linux
            yield asked.host, asked.end(f"It could not be waited for: {error}.")

    def answers(self, most: int) -> Iterator[tuple[str, Ended]]:
        """The answers that are there; waits for them while more hosts than most have not answered.

        Where that takes too long, those that are late are ended.
        """
        while left := len(self._ends.get_map()):
            asked = [key.data for key in self._ends.get_map().values()]
            there = self._ends.select(self.patience.left(asked) if left > most else 0)
            if not there and left <= most:
                return
            if not there:
                self._given_up += 1
                yield from self.give_up(self.patience.late(asked))
                self.patience.begin()
            for key, _ in there:
                self._forget(key)
                ended = key.data.ended()
                self.patience.reward(ended)
                self._given_up = 0 if ended.answer() else self._given_up
                yield key.data.host, ended

    def give_up(self, late: Collection[Asked]) -> list[tuple[str, Ended]]:
        """End what was started on some of those that have not answered."""
        keys = [key for key in self._ends.get_map().values() if key.data in late]
        for key in keys:
            self._forget(key)
        return [(key.data.host, key.data.end(self.patience.over)) for key in keys]

    def close(self) -> None:
        """Leave nothing running."""
        self.give_up([key.data for key in self._ends.get_map().values()])
        self._ends.close()

    def _forget(self, key: selectors.SelectorKey) -> None:
        self._ends.unregister(key.fd)
        os.close(key.fd)


class _Patience:
    """How long the next answer is waited for: some twice what the slowest one took.

    Who takes longer is asked again by a task of his own, which waits as long as Ansible does.
    """

    over = "It took much longer than the others."

    def __init__(self) -> None:
        self._slowest = 0.0
        self.begin()

    def begin(self) -> None:
        """Now is when it begins."""
        self._since = time.monotonic()

    def left(self, asked: Collection[Asked]) -> float:
        """For how many seconds from now."""
        most = min(max(LEAST, 2 * self._slowest), MOST) if self._slowest else FIRST
        return max(self._since + most - time.monotonic(), 0)

    def reward(self, ended: Ended) -> None:
        """One has ended."""
        self.begin()
        if ended.answer():
            self._slowest = max(self._slowest, ended.after - ended.before)

    def late(self, asked: Collection[Asked]) -> Collection[Asked]:
        """Who is not waited for any longer, where it is over."""
        return asked


class _Deadline:
    """Each is waited for for so many seconds, whatever others take."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.over = f"Timed out after {seconds:.0f} second(s)."

    def begin(self) -> None:
        """It began when each was asked."""

    def reward(self, ended: Ended) -> None:
        """One has ended."""

    def left(self, asked: Collection[Asked]) -> float:
        """For how many seconds from now the next of these is waited for."""
        first = min(each.begun for each in asked)
        return max(first + self._seconds - time.monotonic(), 0)

    def late(self, asked: Collection[Asked]) -> Collection[Asked]:
        """Who is not waited for any longer."""
        return [each for each in asked if each.begun + self._seconds <= time.monotonic()]


def _start(host: str, argv: list[bytes], script: bytes) -> Asked:
    # In memory, not through pipes: a connection that stands on keeps those open (ControlPersist).
    with contextlib.ExitStack() as opened:
        given, output, errors = (_in_memory(opened) for _ in range(3))
        os.write(given, script)
        os.lseek(given, 0, os.SEEK_SET)
        before, begun = time.time(), time.monotonic()
        process = subprocess.Popen(argv, stdin=given, stdout=output, stderr=errors)
        opened.pop_all()
        os.close(given)
    return Asked(host, process, output, errors, before, begun)


def _in_memory(opened: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create("told")
    opened.callback(os.close, descriptor)
    return descriptor


def _read(descriptor: int) -> str:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode("utf-8", "surrogateescape")
