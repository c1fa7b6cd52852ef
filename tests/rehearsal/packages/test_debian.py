from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal.packages import debian

# An apt that knows influxdb once lists have been fetched into a place of their own.
APT_CACHE = """#!/bin/sh
case "$*" in *Dir::State::lists*influxdb*) echo 'influxdb | 1.6.7 | mirror' ;; esac
"""
APT_GET = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *download*) touch influxdb_1%3a1.6.7%7erc0_amd64.deb ;; esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in [("apt-cache", APT_CACHE), ("apt-get", APT_GET)]:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_lists_are_fetched_into_the_cache_and_the_package_once(calls: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = debian.download("influxdb", cache)
    assert path == cache / "packages/debian/influxdb_1:1.6.7~rc0_amd64.deb"
    assert list(path.parent.iterdir()) == [path]
    update, download = calls.read_text().splitlines()
    assert f"Dir::State::lists={cache}/apt/lists" in update and update.endswith("update")
    assert f"Dir::State::lists={cache}/apt/lists" in download
    assert debian.download("influxdb", cache) == path
    assert len(calls.read_text().splitlines()) == 2


def test_a_package_that_no_source_has(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="nonsense: in none of this machine's apt sources"):
        debian.download("nonsense", tmp_path / "cache")
    assert "download" not in calls.read_text()


# An apt that fetches one package and what it depends on into its archives, unless it can't.
APT_GET_ARCHIVES = """#!/bin/sh
echo "$*" >> "$CALLS"
[ -e "$CALLS.offline" ] && exit 100
for word; do case "$word" in -oDir::Cache=*) place=${word#*=} ;; esac; done
touch "$place/archives/prometheus-pushgateway_1.5.1-2_amd64.deb"
touch "$place/archives/libjs-jquery_3.6.1_all.deb"
"""


def test_what_hosts_would_download_is_downloaded_once_for_an_image(
    calls: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin/apt-get").write_text(APT_GET_ARCHIVES)
    cache = tmp_path / "cache"
    for image in ("base-1", "base-2"):
        base = cache / image
        found = debian.archives(["prometheus-pushgateway"], base, cache)
        assert [path.name for path in found] == [
            "libjs-jquery_3.6.1_all.deb",
            "prometheus-pushgateway_1.5.1-2_amd64.deb",
        ]
        assert {path.parents[1] for path in found} == {cache / "packages/debian" / image}
        said = calls.read_text().splitlines()[-1]
        assert f"-oDir::State::status={base}/var/lib/dpkg/status" in said
        assert f"-oDir::State={base}/var/lib/apt" in said
        assert said.endswith(
            "--no-install-recommends --download-only install prometheus-pushgateway"
        )


def test_what_can_not_be_downloaded_is_left_to_the_hosts(calls: Path, tmp_path: Path) -> None:
    (tmp_path / "bin/apt-get").write_text(APT_GET_ARCHIVES)
    cache = tmp_path / "cache"
    there = debian.archives(["prometheus-pushgateway"], cache / "base-1", cache)
    (tmp_path / "calls.offline").touch()
    assert debian.archives(["prometheus-pushgateway"], cache / "base-1", cache) == there
    assert debian.archives(["prometheus-pushgateway"], cache / "base-2", cache) == []
