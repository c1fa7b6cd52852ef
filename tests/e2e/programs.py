"""Programs that run while a test looks at them, and those that ask on a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.operating import environment


def at_terminal(
    *argv: str | Path, answers: Mapping[str, str | Callable[[], str]], timeout: float = 300
) -> tuple[int, str]:
    """Run a program on a terminal of its own, and type each answer when its question is read.

    An answer may be what gives it, after it has done something else.
    """
    started = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(str(argv[0]), [str(word) for word in argv], environment({"TERM": "xterm"}))
    seen, open_questions = "", dict(answers)
    try:
        while True:
            if time.monotonic() - started > timeout:
                raise TimeoutError(seen)
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            seen += piece.decode(errors="replace")
            for question in [question for question in open_questions if question in seen]:
                answer = open_questions.pop(question)
                answer = answer if isinstance(answer, str) else answer()
                os.write(terminal, f"{answer}\n".encode())
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen


@dataclass
class Run:
    """A program that runs, and what it has said so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def until(self, words: str, *, timeout: float = 120) -> None:
        """Wait until it has said these words."""
        deadline = time.monotonic() + timeout
        while not any(words in line for line in self.lines):
            assert time.monotonic() < deadline, f"{words!r} was not said: {self.text}"
            assert self.process.poll() is None, f"it ended without {words!r}: {self.text}"
            time.sleep(0.02)

    def wait(self, timeout: float = 120) -> int:
        """Its exit status, once it has ended and what it said last is read."""
        status = self.process.wait(timeout)
        if self.reader is not None:
            self.reader.join(10)  # what it has left behind may hold the pipe
        return status

    @property
    def text(self) -> str:
        return "".join(self.lines)


@contextmanager
def running(
    *argv: str | Path, cwd: Path | None = None, changes: Mapping[str, str] | None = None
) -> Iterator[Run]:
    """Start a program in a process group of its own; killed at the end if it still runs."""
    with subprocess.Popen(
        [str(word) for word in argv],
        cwd=cwd,
        env=environment({"PYTHONUNBUFFERED": "1", **(changes or {})}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        run = Run(process)

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                run.lines.append(line)

        run.reader = thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield run
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            thread.join(10)
