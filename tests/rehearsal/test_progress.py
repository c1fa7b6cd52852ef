from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from provision.rehearsal.progress import Lines, Live, progress


def test_lines_tell_the_start_and_how_long_it_took() -> None:
    out = io.StringIO()
    shown = progress(Console(file=out))
    assert isinstance(shown, Lines)
    with shown.step("Telegraf [1.39]") as step:
        step.note("ignored")
    assert re.fullmatch(r"Telegraf \[1\.39\] \.\.\.\nTelegraf \[1\.39\]: 0\.\d s\n", out.getvalue())
    with pytest.raises(ValueError), shown.step("broken"):
        raise ValueError
    assert "broken: failed after 0." in out.getvalue()


def test_steps_on_a_terminal_may_overlap() -> None:
    out = io.StringIO()
    shown = progress(Console(file=out, force_terminal=True, width=100))
    assert isinstance(shown, Live)
    with shown.step("one [x]") as one:
        one.note("[/] last line")
        with shown.step("two"):
            pass
    with pytest.raises(ValueError), shown.step("three"):
        raise ValueError
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert re.search(r"done\s+two 0\.\d s", text)
    assert re.search(r"done\s+one \[x\] 0\.\d s", text)
    assert re.search(r"failed three 0\.\d s", text)
