from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.errors import InvalidInput, ProvisionError
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]


def test_what_stands_beside_an_inventory_belongs_to_it(fleet_of: Make, tmp_path: Path) -> None:
    (tmp_path / "catalogs").mkdir()
    shop = (
        "app: shop\ntitle: Shop\ndescription: Sells.\nsource: x\nprefix: <where>.shop\n"
        "placeholders: {where: {description: Where., setting: true, values: [here]}}\n"
        "metrics: [{name: a, type: counter, unit: count, title: A, description: A.}]\n"
    )
    (tmp_path / "catalogs" / "shop.yaml").write_text(shop)
    text = INVENTORY.replace("[realm]", "[realm, shop]\n    shop_where: '{{ 1 + 1 }}.x'")
    fleet = fleet_of(text)
    assert fleet.secrets_file == tmp_path / "secrets.yml"
    assert [c.app for c in fleet.site.workers[0].catalogs] == ["realm", "shop", "host", "pipeline"]
    assert fleet.site.workers[0].catalogs[1].placeholders["where"].values == ("2.x",)


def test_a_broken_catalog_beside_it_is_told(fleet_of: Make, tmp_path: Path) -> None:
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "shop.yaml").write_text("app: shop\n")
    with pytest.raises(InvalidInput, match=r"catalogs/shop\.yaml"):
        fleet_of()


def test_a_site_is_read_as_ansible_reads_it(tmp_path: Path) -> None:
    """With group_vars beside the inventory, which extra variables override."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "workers.yml").write_text("apps: [realm]\ntelegraf_interval: 1m\n")
    (tmp_path / "hosts.yml").write_text("monitor: {hosts: {m: }}\nworkers: {hosts: {w1: }}\n")
    options = ["-i", str(tmp_path / "hosts.yml")]
    (worker,) = read_fleet(options).site.workers
    assert worker.settings.telegraf_interval == "1m"
    (worker,) = read_fleet([*options, "-e", "telegraf_interval=5s"]).site.workers
    assert worker.settings.telegraf_interval == "5s"


def test_an_inventory_may_name_its_plugin_in_full(tmp_path: Path) -> None:
    """In a process of its own, in which nothing else has let Ansible find its plugins."""
    (tmp_path / "1-hosts.yml").write_text(
        "all: {hosts: {m: {kind: m}, w1: {kind: w, apps: [realm]}}}\n"
    )
    (tmp_path / "2-groups.yml").write_text(
        "plugin: ansible.builtin.constructed\nstrict: true\n"
        "groups: {monitor: kind == 'm', workers: kind == 'w'}\n"
    )
    program = "import sys; from provision.fleet.reading import read_fleet; "
    program += "print([host.name for host in read_fleet(['-i', sys.argv[1]]).site.workers])"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout == "['w1']\n", done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"monitor:\n  hosts: {m: {}\nworkers:\n", "line 3: "),
        (b"monitor:\n\thosts: {m: {}}\n", "line 2: "),
        (b"monitor: \xff\n", "utf-8"),
    ],
)
def test_an_inventory_that_is_no_yaml_is_told_with_its_line(
    tmp_path: Path, text: bytes, told: str
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_bytes(text)
    with pytest.raises(ProvisionError) as caught:
        read_fleet(["-i", str(path)])
    assert caught.value.message.startswith(f"{path}: ")
    assert told in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("given", ["{bad", "@nowhere.yml"])
def test_an_extra_variable_that_is_none_is_told_as_that(
    given: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ansible reads them with the inventory, and warns of that with each plugin that it tries."""
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    with pytest.raises(ProvisionError, match=r"^-e: ") as refused:
        read_fleet(["-i", str(tmp_path / "inventory.yml"), "-e", given])
    assert "--extra-vars" in (refused.value.remedy or "")
    assert capfd.readouterr().err == ""


def test_a_link_to_secrets_that_are_not_there_is_no_reason_to_make_others(tmp_path: Path) -> None:
    """What it leads to may be on a disk that is not mounted."""
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (tmp_path / "secrets.yml").symlink_to(tmp_path / "vault" / "secrets.yml")
    with pytest.raises(ProvisionError, match=r"a link to .*vault/secrets.yml, which is not there"):
        read_fleet(["-i", str(tmp_path / "inventory.yml")])
    assert not (tmp_path / "vault").exists()


@pytest.mark.parametrize("options", [["-i", "{}/inventory.yml"], ["-i{}/sub/../inventory.yml"], []])
def test_a_catalog_that_is_wrong_is_told_after_an_inventory_that_is(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "catalogs" / "shop.yml").write_text("app: 7\n")
    named = [option.format(tmp_path) for option in options]
    (tmp_path / "inventory.yml").write_text("monitor: [\n")
    with pytest.raises(ProvisionError, match=r"inventory\.yml: line 2"):
        read_fleet(named)
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    with pytest.raises(InvalidInput, match="shop"):
        read_fleet(named)
