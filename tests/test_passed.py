from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.passed import NOTHING

ROOT = Path(__file__).parents[1]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_good.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    (tmp_path / "test_half.py").write_text("def test_c(): pass\ndef test_d(): assert False\n")
    return tmp_path


def run(suite: Path, files: str) -> str:
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "tests.passed", "--rootdir", str(suite)]
    done = subprocess.run(
        [*argv, str(suite)],
        cwd=suite,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "PROVISION_PASSED": str(suite / "passed.json"),
            "PROVISION_FILES": files,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1]


def test_a_file_that_passed_is_left_out_and_one_that_failed_is_run_as_a_whole(suite: Path) -> None:
    assert run(suite, "same").startswith("1 failed, 3 passed")
    assert run(suite, "same").startswith("1 failed, 1 passed, 2 deselected")


def test_other_files_or_none_are_run_in_full(suite: Path) -> None:
    run(suite, "same")
    assert run(suite, "other").startswith("1 failed, 3 passed")
    for unknown in ("", NOTHING):
        assert run(suite, unknown).startswith("1 failed, 3 passed")


def test_a_garbled_record_is_none(suite: Path) -> None:
    (suite / "passed.json").write_text("{")
    assert run(suite, "same").startswith("1 failed, 3 passed")
