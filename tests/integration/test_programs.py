"""The real programs of tests: that none takes another's port."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration import programs
from tests.integration.programs import free_port

ANOTHER_RUN = """
import sys
from tests.integration import programs
drawn = iter(map(int, sys.argv[1:]))
programs.secrets.choice = lambda _: next(drawn)
print(programs.free_port())
"""


def test_a_port_is_given_once_until_its_program_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    drawn = iter([first, first, first + 1, *range(10_000, 11_000)])
    monkeypatch.setattr(programs.secrets, "choice", lambda _: next(drawn))
    assert free_port() != first


def test_a_port_is_given_to_one_of_tests_that_run_side_by_side() -> None:
    mine, *others = free_port(), *range(10_000, 11_000)
    drawn = map(str, [mine, *(port for port in others if port != mine)])
    other = subprocess.run(
        [sys.executable, "-c", ANOTHER_RUN, *drawn], capture_output=True, text=True, check=True
    )
    assert int(other.stdout) in others
    assert int(other.stdout) != mine
