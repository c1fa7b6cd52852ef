from __future__ import annotations

import pytest
from ansible.module_utils.provision import apt

LOCKED = (
    "dpkg: error: dpkg frontend lock was locked by another process with pid 7\n"
    "Note: removing the lock file is always wrong, can damage the locked area\n"
)


class Dpkg:
    """In place of apt.run: an interrupted dpkg whose lock is held for some calls."""

    def __init__(self, locked: int, said: str = LOCKED) -> None:
        self.locked, self.said, self.commands = locked, said, 0

    def __call__(self, command: list[str]) -> tuple[int, str]:
        if "--audit" in command:
            return 0, "The following packages are only half configured\n"
        self.commands += 1
        return (2, self.said) if self.commands <= self.locked else (0, "")


@pytest.mark.parametrize(
    "said",
    [LOCKED, "dpkg: error: dpkg status database is locked by another process\n"],
)
def test_mending_waits_for_the_lock(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    dpkg = Dpkg(locked=2, said=said)
    monkeypatch.setattr(apt, "run", dpkg)
    monkeypatch.setattr(apt.time, "sleep", lambda _: None)
    apt._mend(60)
    assert dpkg.commands == 3


def test_mending_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "run", Dpkg(locked=1000000))
    monkeypatch.setattr(apt.time, "sleep", lambda _: None)
    with pytest.raises(apt.AptError, match="holds apt's lock for 0 s already"):
        apt._mend(0)


def test_what_can_not_be_mended_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dpkg = Dpkg(locked=1000000, said="dpkg: error processing package x (--configure):\n")
    monkeypatch.setattr(apt, "run", dpkg)
    with pytest.raises(apt.AptError, match="can't be mended: dpkg: error processing package x"):
        apt._mend(60)
    assert dpkg.commands == 1
