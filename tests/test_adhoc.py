from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from provision.adhoc import adhoc_inventory, adhoc_path, for_a_look, remember_settings
from provision.cli import run
from provision.errors import ProvisionError
from provision.fleet.reading import read_fleet
from tests.conftest import INVENTORY


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_workers_are_added_to_those_that_are_known() -> None:
    adhoc_inventory("m", ["w1"], ["realm"])
    path = adhoc_inventory("m", ["w2"], ["realm"])
    site = read_fleet(["-i", str(path)]).site
    assert [host.name for host in site.workers] == ["w1", "w2"]


def test_what_is_set_once_is_kept_and_can_be_set_back() -> None:
    path = adhoc_inventory("m", ["w1"], ["realm"])
    for engine in (1, 2):
        remember_settings(path, read_fleet(["-i", str(path), "-e", f"influxdb_engine={engine}"]))
        assert read_fleet(["-i", str(path)]).site.monitor.settings.influxdb_engine == engine


@pytest.mark.parametrize(
    "text", ["monitor:\n", "monitor: {hosts: }\n", "workers: {hosts: {w1: {apps: realm}}}\n"]
)
def test_an_inventory_that_was_edited_is_read(text: str) -> None:
    path = adhoc_path("m")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    adhoc_inventory("m", ["w1"], ["realm"])
    assert yaml.safe_load(path.read_text())["workers"]["hosts"]["w1"]["apps"] == ["realm"]


@pytest.mark.parametrize("text", ["monitor: [m]\n", "monitor: {hosts: [m]}\n", "- x\n", "a: [\n"])
def test_an_inventory_of_another_form_is_named(text: str) -> None:
    path = adhoc_path("m")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ProvisionError, match=str(path)):
        adhoc_inventory("m", ["w1"], ["realm"])


def test_a_persons_comments_stay_where_nothing_is_new() -> None:
    path = adhoc_inventory("m", ["w1"], ["realm"])
    path.write_text(path.read_text() + "# mine\n")
    adhoc_inventory("m", ["w1"], ["realm"])
    assert path.read_text().endswith("# mine\n")


@pytest.mark.parametrize("name", ["..", "a/b", "-x", "", "a b", "{{x}}", "a\nb"])
def test_a_name_that_is_no_hosts_is_refused(name: str) -> None:
    with pytest.raises(ProvisionError, match="not the name of a host"):
        adhoc_inventory(name, [], [])


def test_a_named_monitoring_host_beside_an_inventory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["worker", "w1", "--monitor", "m1", "--app", "realm", "--check"]
    Path("inventory.yml").write_text(INVENTORY)
    assert run(words) == 1
    told = capsys.readouterr().err
    assert "there is inventory.yml here" in told and "leave out --monitor" in told
    assert not (tmp_path / "provision").exists()


# Of hosts that are called by addresses of this machine.
HERE, FIRST, SECOND = "127.0.0.1", "127.0.0.2", "127.0.0.3"
NOWHERE = ["-e", "ansible_port=1", "-e", "influxdb_url=http://192.0.2.1:8086"]


def test_a_site_that_is_only_looked_at_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["monitor-server", HERE, "--check", *NOWHERE]) == 1
    assert f"{HERE}  cannot be reached" in capsys.readouterr().out
    assert not (tmp_path / "provision" / "sites").exists()
    path = adhoc_inventory(HERE, [FIRST], ["realm"])
    before = path.read_bytes()
    assert run(["worker", SECOND, "--monitor", HERE, "--app", "realm", "--check", *NOWHERE]) == 1
    assert f"{SECOND}  cannot be reached" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["inventory.yml"]


def test_what_another_run_has_kept_meanwhile_stays() -> None:
    path = adhoc_path(HERE)
    with for_a_look(path) as looked:
        adhoc_inventory(HERE, [FIRST], ["realm"])
        looked()
        adhoc_inventory(HERE, [SECOND], ["realm"])
        (path.parent / "secrets.yml").touch()
    assert SECOND in path.read_text()
    assert (path.parent / "secrets.yml").exists()
    before = path.read_bytes()
    with for_a_look(path) as looked:
        adhoc_inventory(HERE, ["127.0.0.4"], ["realm"])
        looked()
    assert path.read_bytes() == before
    path.unlink()
    with pytest.raises(ProvisionError), for_a_look(path):
        adhoc_inventory(HERE, ["a b"], ["realm"])
    assert [each.name for each in path.parent.iterdir()] == ["secrets.yml"]


def test_a_monitoring_host_may_be_its_own_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["worker", HERE, "--monitor", HERE, "--app", "realm", "--yes", *NOWHERE]) == 1
    # It was asked, and was not there.
    assert f"{HERE}  cannot be reached" in capsys.readouterr().out
    site = read_fleet(["-i", str(adhoc_path(HERE))]).site
    assert [(host.name, host.monitor, host.worker) for host in site.hosts] == [(HERE, True, True)]
