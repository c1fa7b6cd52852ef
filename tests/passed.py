"""What passed a moment ago, on the very same files, need not be run again.

A pytest plugin (`-p tests.passed`) for `make test` and the `make test-all` after it.
PROVISION_PASSED names the record; it counts only for the files that PROVISION_FILES is the
fingerprint of. Files of tests are left out as wholes: some tell a story in order.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

# The fingerprint where git knows no files: of nothing.
NOTHING = hashlib.sha256(b"").hexdigest()


class Record:
    """The node ids that passed, by the fingerprint of all files of the project."""

    def __init__(self, path: Path, files: str) -> None:
        self.path, self.files = path, files

    def read(self) -> frozenset[str]:
        try:
            data = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return frozenset()
        same = isinstance(data, dict) and self.files and data.get("files") == self.files
        return frozenset(data["passed"]) if same else frozenset()

    def add(self, passed: set[str]) -> None:
        data = {"files": self.files, "passed": sorted(self.read() | passed)}
        self.path.write_text(json.dumps(data))


class Passed:
    """Leaves out the files of tests that all passed before; notes what passes now."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.before = record.read()
        self.now: set[str] = set()

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        by_file: dict[Path, list[pytest.Item]] = defaultdict(list)
        for item in items:
            by_file[item.path].append(item)
        done = {
            path
            for path, of_file in by_file.items()
            if all(item.nodeid in self.before for item in of_file)
        }
        if done:
            left_out = [item for item in items if item.path in done]
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item.path not in done]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.now.add(report.nodeid)
        elif report.failed:
            self.now.discard(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):  # of xdist, the controller alone
            self.record.add(self.now)


def pytest_configure(config: pytest.Config) -> None:
    """Take part where the Makefile asks for it."""
    path, files = os.environ.get("PROVISION_PASSED"), os.environ.get("PROVISION_FILES", "")
    if path and files and files != NOTHING:
        config.pluginmanager.register(Passed(Record(Path(path), files)), "passed-before")
