from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible.module_utils.provision import apt, unpacking

# Package, status, what it provides, pre-depends, depends, recommends.
HOST = [
    ("telegraf", "install ok installed", "", "", "adduser", ""),
    ("influxdb", "deinstall ok config-files", "", "", "", ""),
    ("prometheus-pushgateway", "install ok installed", "", "", "libjs-one (>= 3), libc6", ""),
    ("libjs-one", "install ok installed", "node-one (= 3)", "", "libjs-two | libjs-three", ""),
    ("libjs-two", "install ok installed", "", "", "", ""),
    ("adduser", "install ok installed", "", "", "libc6", ""),
    ("libc6", "install ok installed", "", "", "", ""),
]
AUTOMATIC = "".join(
    f"Package: {name}\nArchitecture: amd64\nAuto-Installed: {auto}\n\n"
    for name, auto in (("libjs-one", 1), ("libjs-two", 1), ("adduser", 0))
)
CAME = ["adduser", "libjs-one", "libjs-two"]


class Host:
    """In place of apt.run: what dpkg lists, and the commands that were run."""

    def __init__(self, *more: tuple[str, ...], fails: int = 0) -> None:
        self.packages, self.fails = [*HOST, *more], fails
        self.commands: list[str] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        if command[0] == "dpkg-query":
            return 0, "\n".join("\t".join(each) for each in self.packages) + "\n"
        self.commands.append(" ".join(command))
        if command[0] == "apt-get" and self.fails:
            self.fails -= 1
            return 100, "E: dpkg was interrupted"
        if "purge" in command:
            self.packages = [self.purged(each) for each in self.packages if each[0] != command[-1]
                             or "half" in each[1]]  # fmt: skip
        return 0, ""

    @staticmethod
    def purged(package: tuple[str, ...]) -> tuple[str, ...]:
        """What dpkg had not done with is only removed at first."""
        name, status, *more = package
        return (name, status.replace("half-installed", "config-files"), *more)


def packages(host: Host, tmp_path: Path, *doomed: str) -> unpacking.Packages:
    (tmp_path / "states").write_text(AUTOMATIC)
    return unpacking.Packages(doomed, CAME, host, str(tmp_path / "states"))


def test_what_came_with_a_package_goes_with_it(tmp_path: Path) -> None:
    found = packages(Host(), tmp_path, "telegraf", "prometheus-pushgateway", "influxdb")
    assert found.going == ["telegraf", "prometheus-pushgateway", "libjs-one", "libjs-two"]
    assert (found.remaining, found.needed) == (["influxdb"], {})


@pytest.mark.parametrize("wants", ["node-one", "other | libjs-one (>= 2)"])
@pytest.mark.parametrize("field", [3, 4, 5])
def test_but_not_what_another_package_wants(tmp_path: Path, wants: str, field: int) -> None:
    theirs = ["theirs", "install ok installed", "", "", "", ""]
    theirs[field] = wants
    found = packages(Host(tuple(theirs)), tmp_path, "prometheus-pushgateway")
    assert found.going == ["prometheus-pushgateway"]


def test_a_package_that_something_else_needs_stays(tmp_path: Path) -> None:
    theirs = ("theirs", "install ok installed", "", "", "telegraf (>= 1)", "")
    fond = ("fond", "install ok installed", "", "", "", "prometheus-pushgateway")
    found = packages(Host(theirs, fond), tmp_path, "telegraf", "prometheus-pushgateway")
    assert found.needed == {"telegraf": ["theirs"]}
    assert "telegraf" not in found.going and "prometheus-pushgateway" in found.going


def test_only_what_may_be_is_purged(tmp_path: Path) -> None:
    host = Host()
    packages(host, tmp_path, "influxdb").remove(lambda name: False, 5)
    assert host.commands == []
    packages(host, tmp_path, "influxdb").remove(lambda name: True, 5)
    (purge,) = host.commands
    assert purge.startswith("apt-get purge -y") and purge.endswith(" influxdb")


def test_what_was_killed_as_it_was_removed_is_purged_in_two_steps(tmp_path: Path) -> None:
    host = Host()
    host.packages = [("telegraf", "deinstall ok half-installed", "", "", "", "")]
    packages(host, tmp_path, "telegraf").remove(lambda name: True, 5)
    assert [each.split()[1] for each in host.commands] == ["purge", "purge"]
    assert host.packages == []


def test_a_removal_that_was_cut_short_is_mended_first(tmp_path: Path) -> None:
    host = Host(fails=1)
    packages(host, tmp_path, "telegraf").remove(lambda name: True, 5)
    assert [each.split()[0] for each in host.commands] == ["apt-get", "dpkg", "apt-get"]
    with pytest.raises(apt.AptError, match="telegraf can't be removed: E: dpkg was interrupted"):
        packages(Host(fails=2), tmp_path, "telegraf").remove(lambda name: True, 5)
