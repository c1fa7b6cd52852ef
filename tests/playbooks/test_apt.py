from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import apt, starts

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
    apt.mend(60)
    assert dpkg.commands == 3


def test_mending_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "run", Dpkg(locked=1000000))
    monkeypatch.setattr(apt.time, "sleep", lambda _: None)
    with pytest.raises(apt.AptError, match="Another program holds apt's lock"):
        apt.mend(0)


def test_what_can_not_be_mended_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dpkg = Dpkg(locked=1000000, said="dpkg: error processing package x (--configure):\n")
    monkeypatch.setattr(apt, "run", dpkg)
    with pytest.raises(apt.AptError, match="can't be mended: dpkg: error processing package x"):
        apt.mend(60)
    assert dpkg.commands == 1


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(starts, "_POLICY", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(starts, "_POLICY_LOCK", str(tmp_path / "lock"))
    return tmp_path / "policy-rc.d"


def denies(policy: Path) -> bool:
    """Whether the policy denies a start, as invoke-rc.d asks it."""
    status = subprocess.run([policy, "telegraf", "start"]).returncode
    assert status in (0, 101)
    return status == 101


def test_no_service_starts_while_packages_are_installed(policy: Path) -> None:
    with apt.no_service_starts(60):
        assert denies(policy)
    assert not policy.exists()


def test_a_policy_that_is_not_ours_stays(policy: Path) -> None:
    policy.write_text("#!/bin/sh\nexit 0\n")
    with apt.no_service_starts(60):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.exists()


def test_what_somebody_puts_in_place_of_the_policy_stays(policy: Path) -> None:
    with apt.no_service_starts(60):
        policy.write_text("#!/bin/sh\nexit 0\n")
    assert policy.exists()


def test_a_policy_that_somebody_removes_is_not_missed(policy: Path) -> None:
    with apt.no_service_starts(60):
        policy.unlink()


def test_two_runs_on_one_host_deny_starts_one_after_the_other(policy: Path) -> None:
    seen = []

    def second() -> None:
        with apt.no_service_starts(60):
            seen.append(denies(policy))

    thread = threading.Thread(target=second)
    with apt.no_service_starts(60):
        thread.start()
        thread.join(0.5)
        assert not seen, "it waits"
        assert denies(policy)
    thread.join(30)
    assert seen == [True]
    assert not policy.exists()


def test_a_second_run_waits_no_longer_than_it_may(policy: Path) -> None:
    with (
        apt.no_service_starts(60),
        pytest.raises(apt.AptError, match="Another run installs packages"),
        apt.no_service_starts(0),
    ):
        pass
    assert not policy.exists()


def test_a_killed_run_denies_nothing_and_blocks_nobody(policy: Path) -> None:
    child = os.fork()
    if not child:
        with apt.no_service_starts(60):
            os._exit(0 if denies(policy) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not denies(policy)
    with apt.no_service_starts(0):
        assert denies(policy)
    assert not policy.exists()


def test_another_process_of_the_same_number_denies_nothing(policy: Path) -> None:
    with apt.no_service_starts(60):
        text = policy.read_text()
        assert denies(policy)
        policy.write_text(text.replace(starts._started(os.getpid()), "1"))
        assert not denies(policy)
        policy.write_text(text)


DEBIAN = "http://deb.debian.org/debian"
OURS = {"name": "influxdata", "url": "https://repos.influxdata.com/debian"}
SOURCES = ["/etc/apt/sources.list.d/provision-influxdata.sources"]
TELEGRAF = {"name": "telegraf", "version": None, "repository": "influxdata"}
PUSHGATEWAY = {"name": "prometheus-pushgateway", "version": None, "repository": None}


def policy_of(name: str, *versions: tuple[str, int, str]) -> str:
    """What apt-cache policy prints; each version with its priority and the source that has it."""
    lines = [f"{name}:", "  Installed: (none)", "  Version table:"]
    for version, priority, source in versions:
        lines += [f"     {version} {priority}"]
        lines += [f"        {priority} {source} stable/main amd64 Packages"]
    return "\n".join(lines) if versions else ""


class Apt:
    """In place of apt.run: a host on which nothing is installed.

    It knows of some packages at once, and of more when all indexes have been read.
    """

    def __init__(
        self, known: dict[str, str], later: dict[str, str] | None = None, *, said: str = "",
        failures: int = 0,
    ) -> None:  # fmt: skip
        self.known, self.later = dict(known), later or {}
        self.said, self.failures = said, failures
        self.calls: list[str] = []
        self.installed: dict[str, str] = {}

    def __call__(self, command: list[str]) -> tuple[int, str]:
        if command[0] == "dpkg-query":
            version = self.installed.get(command[-1])
            return (0, f"install ok installed\t{version}") if version else (1, "")
        if command[0] == "dpkg":
            return 0, ""
        if command[0] == "apt-cache":
            return 0, self.known.get(command[-1], "")
        if "update" in command:
            only = [word for word in command if word.startswith("Dir::Etc::sourcelist=")]
            self.calls.append(f"update {only[0].partition('=')[2] if only else 'all'}")
            if only:
                return 0, ""
            self.known |= self.later
            return 0, self.said
        packages = [word for word in command if re.match(r"[a-z-]+=", word)]
        self.calls.append(" ".join(["install", *packages]))
        self.failures -= 1
        failed = self.failures >= 0
        if not failed:
            self.installed |= dict(word.split("=") for word in packages)
        return (100, "E: Failed to fetch it  404  Not Found\n") if failed else (0, "")


@pytest.fixture
def install(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Apt, list[str] | apt.AptError]]:
    """Install telegraf from a repository of ours and prometheus-pushgateway from Debian."""

    def run(*given: object, **options: object) -> tuple[Apt, list[str] | apt.AptError]:
        host = Apt(*given, **options)  # type: ignore[arg-type]
        monkeypatch.setattr(apt, "run", host)
        try:
            return host, apt.install([TELEGRAF, PUSHGATEWAY], [OURS], SOURCES, 1)
        except apt.AptError as error:
            return host, error

    return run


OF_OURS = {"telegraf": policy_of("telegraf", ("1.39.3-1", 990, OURS["url"]))}
OF_DEBIAN = {
    "prometheus-pushgateway": policy_of("prometheus-pushgateway", ("1.5.1-2", 500, DEBIAN))
}
BOTH = ["telegraf=1.39.3-1", "prometheus-pushgateway=1.5.1-2"]


def test_debians_indexes_are_not_read_where_they_are_there(install: Callable[..., Any]) -> None:
    host, installed = install(OF_OURS | OF_DEBIAN)
    assert installed == BOTH
    assert host.calls == [f"update {SOURCES[0]}", f"install {' '.join(BOTH)}"]


def test_debians_indexes_are_read_where_they_never_were(install: Callable[..., Any]) -> None:
    host, installed = install(OF_OURS, OF_DEBIAN)
    assert installed == BOTH
    assert host.calls == [f"update {SOURCES[0]}", "update all", f"install {' '.join(BOTH)}"]


def test_debians_indexes_are_read_again_where_they_are_too_old(install: Callable[..., Any]) -> None:
    newer = policy_of("prometheus-pushgateway", ("1.5.1-3", 500, DEBIAN))
    host, installed = install(
        OF_OURS | OF_DEBIAN, {"prometheus-pushgateway": newer}, failures=1
    )  # fmt: skip
    assert installed == ["telegraf=1.39.3-1", "prometheus-pushgateway=1.5.1-3"]
    assert host.calls[1:3] == [f"install {' '.join(BOTH)}", "update all"]


UNREACHED = (
    f"Err:1 {DEBIAN} bookworm InRelease\n  Could not resolve 'deb.debian.org'\n"
    f"W: Failed to fetch {DEBIAN}/dists/bookworm/InRelease  Could not resolve 'deb.debian.org'\n"
    "W: Some index files failed to download. They have been ignored, or old ones used instead.\n"
)


def test_a_package_that_the_system_lacks_is_named_with_the_source_that_is_not_reached(
    install: Callable[..., Any],
) -> None:
    host, error = install(OF_OURS, said=UNREACHED)
    assert [call.split()[0] for call in host.calls] == ["update", "update"], "nothing is installed"
    assert error.message == (
        "None of this host's own apt sources offers prometheus-pushgateway."
        f" Of its sources apt says: W: Failed to fetch {DEBIAN}/dists/bookworm/InRelease "
        " Could not resolve 'deb.debian.org'."
    )
    assert "/etc/apt" in error.remedy and "universe" in error.remedy


def test_a_package_that_our_repository_lacks_is_named_with_it_alone(
    install: Callable[..., Any],
) -> None:
    elsewhere = {"telegraf": policy_of("telegraf", ("1.20", 500, DEBIAN))}
    _, error = install(elsewhere | OF_DEBIAN, said=UNREACHED)
    assert error.message == (
        f"{OURS['url']} offers no telegraf for this host (there is 1.20)."
    )  # fmt: skip
    assert "repository influxdata" in error.remedy


def test_packages_that_can_not_be_installed_are_named_with_what_apt_says(
    install: Callable[..., Any],
) -> None:
    _, error = install(OF_OURS | OF_DEBIAN, failures=2)
    assert error.message == (
        f"{', '.join(BOTH)} can't be installed: E: Failed to fetch it  404  Not Found."
    )


BACKPORTS = policy_of("x", ("2.0", 100, DEBIAN), ("1.5.1-2", 500, DEBIAN), ("1.4", 500, DEBIAN))


@pytest.mark.parametrize(
    ("version", "chosen"), [(None, "1.5.1-2"), ("2.0", "2.0"), ("1.4", "1.4"), ("3", None)]
)
def test_the_distributions_package_is_the_one_that_apt_prefers(
    version: str | None, chosen: str | None
) -> None:
    assert apt.choose({"name": "x", "version": version}, None, BACKPORTS) == chosen


def test_a_version_that_a_pin_forbids_is_not_chosen() -> None:
    policy = policy_of("x", ("2.0", -1, DEBIAN), ("1.0", 990, OURS["url"]))
    assert apt.choose({"name": "x", "version": None}, None, policy) == "1.0"
    assert apt.choose({"name": "x", "version": None}, DEBIAN, policy) is None


def test_numbered_files_of_an_interrupted_dpkg_are_told_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def run(command: list[str]) -> tuple[int, str]:
        calls.append(command)
        return 0, ""

    monkeypatch.setattr(apt, "run", run)
    monkeypatch.setattr(apt, "_UPDATES", str(tmp_path))
    apt.mend(1)
    (tmp_path / "tmp.i").write_text("")
    apt.mend(1)
    assert [command[1] for command in calls] == ["--audit", "--audit"]
    (tmp_path / "0000").write_text("")
    apt.mend(1)
    assert "--configure" in calls[-1]


def test_what_dpkg_refuses_is_not_tried_again(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(Apt):
        def __call__(self, command: list[str]) -> tuple[int, str]:
            status, output = super().__call__(command)
            said = (
                "dpkg: error processing package telegraf (--configure):\n"
                " installed telegraf package post-installation script subprocess returned 1\n"
                "E: Sub-process /usr/bin/dpkg returned an error code (1)\n"
            )
            return (100, said) if "install" in command else (status, output)

    host = Refusing(OF_OURS)
    monkeypatch.setattr(apt, "run", host)
    with pytest.raises(apt.DpkgError, match=r"telegraf \(--configure\): installed .* script"):
        apt.install([TELEGRAF], [OURS], SOURCES, 1)
    assert [call.split()[0] for call in host.calls] == ["update", "install"]


def test_a_package_that_is_half_installed_is_unpacked_again(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[str] = []

    class Half(Apt):
        def __call__(self, command: list[str], cwd: str = "/") -> tuple[int, str]:
            if command[0] == "dpkg-query" and not self.installed:
                return 0, "install reinstreq half-installed\t1.38"
            if "download" in command:
                (Path(cwd) / f"{command[-1]}.deb").write_text("")
                return 0, ""
            if "--install" in command:
                unpacked.append(Path(command[-1]).name)
            return super().__call__(command)

    monkeypatch.setattr(apt, "run", Half(OF_OURS))
    assert apt.install([TELEGRAF], [OURS], SOURCES, 1) == ["telegraf=1.39.3-1"]
    assert unpacked == ["telegraf=1.39.3-1.deb"]


def test_what_apt_says_is_done_and_is_not_is_a_failure(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Idle(Apt):
        def __call__(self, command: list[str]) -> tuple[int, str]:
            return (0, "nothing to do\n") if "install" in command else super().__call__(command)

    monkeypatch.setattr(apt, "run", Idle(OF_OURS))
    with pytest.raises(apt.AptError, match="can't be installed: nothing to do"):
        apt.install([TELEGRAF], [OURS], SOURCES, 1)


POLICY = """\
influxdb:
  Installed: (none)
  Candidate: 1.12.0-1
  Version table:
     1.12.0-1 600
        600 https://repos.influxdata.com/debian stable/main amd64 Packages
     1.11.8-1 600
        600 https://repos.influxdata.com/debian stable/main amd64 Packages
 *** 1.6.7~rc0-1+b13 -1
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
"""
URL = "https://repos.influxdata.com/debian/"


@pytest.mark.parametrize(
    ("version", "url", "chosen"),
    [
        (None, URL, "1.12.0-1"),
        ("1.11", URL, "1.11.8-1"),
        ("1.6.7", URL, None),
        ("1.6.7", None, None),
        (None, "http://deb.debian.org/debian", None),
    ],
)
def test_the_candidate_must_come_from_its_repository(
    version: str | None, url: str | None, chosen: str | None
) -> None:
    assert apt.choose({"name": "influxdb", "version": version}, url, POLICY) == chosen
