from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

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


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(apt, "_POLICY", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(apt, "_POLICY_LOCK", str(tmp_path / "lock"), raising=False)
    return tmp_path / "policy-rc.d"


def denies(policy: Path) -> bool:
    """Whether the policy denies a start, as invoke-rc.d asks it."""
    status = subprocess.run([policy, "telegraf", "start"]).returncode
    assert status in (0, 101)
    return status == 101


def test_no_service_starts_while_packages_are_installed(policy: Path) -> None:
    with apt._no_service_starts(60):
        assert denies(policy)
    assert not policy.exists()


def test_a_policy_that_is_not_ours_stays(policy: Path) -> None:
    policy.write_text("#!/bin/sh\nexit 0\n")
    with apt._no_service_starts(60):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.exists()


def test_what_somebody_puts_in_place_of_the_policy_stays(policy: Path) -> None:
    with apt._no_service_starts(60):
        policy.write_text("#!/bin/sh\nexit 0\n")
    assert policy.exists()


def test_a_policy_that_somebody_removes_is_not_missed(policy: Path) -> None:
    with apt._no_service_starts(60):
        policy.unlink()


def test_two_runs_on_one_host_deny_starts_one_after_the_other(policy: Path) -> None:
    seen = []

    def second() -> None:
        with apt._no_service_starts(60):
            seen.append(denies(policy))

    thread = threading.Thread(target=second)
    with apt._no_service_starts(60):
        thread.start()
        thread.join(0.5)
        assert not seen, "it waits"
        assert denies(policy)
    thread.join(30)
    assert seen == [True]
    assert not policy.exists()


def test_a_second_run_waits_no_longer_than_it_may(policy: Path) -> None:
    with (
        apt._no_service_starts(60),
        pytest.raises(apt.AptError, match="Another run installs packages"),
        apt._no_service_starts(0),
    ):
        pass
    assert not policy.exists()


def test_a_killed_run_denies_nothing_and_blocks_nobody(policy: Path) -> None:
    child = os.fork()
    if not child:
        with apt._no_service_starts(60):
            os._exit(0 if denies(policy) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not denies(policy)
    with apt._no_service_starts(0):
        assert denies(policy)
    assert not policy.exists()


def test_another_process_of_the_same_number_denies_nothing(policy: Path) -> None:
    with apt._no_service_starts(60):
        text = policy.read_text()
        assert denies(policy)
        policy.write_text(text.replace(apt._started(os.getpid()), "1"))
        assert not denies(policy)
        policy.write_text(text)
