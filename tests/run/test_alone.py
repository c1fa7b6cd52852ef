"""A site's lock, held and let go by real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.run.alone import FILE_NAME, alone

HOLD = """
import sys
from pathlib import Path
from provision.run.alone import alone
with alone(Path(sys.argv[1]), "provision up"):
    print("held", flush=True)
    input()
"""


def test_a_second_run_is_told_whose_the_first_is(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(ProvisionError) as error, alone(tmp_path, "provision worker"):
            pass
        assert f"(provision up, process {first.pid})" in error.value.message
        assert str(tmp_path) in error.value.message
        first.send_signal(signal.SIGKILL)
    with alone(tmp_path, "provision worker"):
        assert (tmp_path / FILE_NAME).exists(), "a killed one holds nothing"
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_there_is_no_lock(tmp_path: Path) -> None:
    with alone(tmp_path / "none", "provision up"):
        assert not (tmp_path / "none").exists()


def test_what_went_wrong_inside_goes_on_and_the_lock_goes(tmp_path: Path) -> None:
    with pytest.raises(KeyError), alone(tmp_path, "provision up"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
