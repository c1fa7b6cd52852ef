"""What a host is asked: how it is, and what speaks against the work that there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from comparing import contents, preflight, script
from comparing.differences import Difference
from comparing.manifest import Manifest
from comparing.report import Report
from comparing.wanted import Wanted


@dataclass(frozen=True)
class Question:
    """What a host is asked, and what its answer is held against.

    state and more are those of comparing.script.compare_script().
    """

    manifest: Manifest
    files: list[Wanted]
    state: list[dict[str, Any]]
    more: Sequence[tuple[str, str]]

    @property
    def text(self) -> str:
        """The script that looks at the host."""
        return script.compare_script(self.manifest, self.state, self.more)

    @property
    def plan(self) -> dict[str, Any]:
        """What can be told before the host has answered: which files hold secrets."""
        return {"secrets": contents.secret_files(self.manifest, self.files)}


@dataclass(frozen=True)
class Work:
    """What is to be done on a host, and what is asked of it before.

    result is what the task will tell; texts are the files of which the old text
    is asked for; login is the file that says where Telegraf writes, if that changes.
    """

    question: Question
    seen: Report
    found: list[Difference]
    result: dict[str, Any]
    texts: Sequence[str]
    login: Wanted | None = None

    @property
    def text(self) -> str:
        """The script that looks at what speaks against it."""
        manifest = self.question.manifest
        return script.preflight_script(
            preflight.wanted_ports(manifest),
            self.texts,
            preflight.places(manifest, self.found),
            packages=preflight.installs(self.found),
        )
