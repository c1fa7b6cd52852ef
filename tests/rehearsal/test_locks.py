from __future__ import annotations

import io
import threading
import time
from pathlib import Path

from rich.console import Console

from provision.rehearsal import locks
from provision.rehearsal.progress import Lines


def test_who_waits_for_another_says_so(tmp_path: Path) -> None:
    path, text = tmp_path / "sub" / "x.lock", io.StringIO()
    progress = Lines(Console(file=text))
    entered: list[float] = []

    def second() -> None:
        with locks.exclusive(path, progress):
            entered.append(time.monotonic())

    with locks.exclusive(path, progress):
        assert text.getvalue() == "", "nobody was waited for"
        waiting = threading.Thread(target=second)
        waiting.start()
        deadline = time.monotonic() + 20
        while "waiting for another rehearsal" not in text.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert str(path) in text.getvalue().replace("\n", "")
        left = time.monotonic()
    waiting.join(20)
    assert entered[0] >= left
