"""Secrets that a site has encrypted with ansible-vault: as a whole, one by one, under vault ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext

from provision.errors import ProvisionError
from provision.fleet.keeping import keep_secrets
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.run import engine
from provision.secrets import load_secrets
from tests.conftest import INVENTORY

PASSWORDS = {"other": b"correct horse", "prod": b"battery staple"}
OLD = "a-password-that-somebody-chose"


def vault(*ids: str) -> VaultLib:
    return VaultLib([(name, VaultSecret(PASSWORDS[name])) for name in ids])


@pytest.fixture(params=["here", "there"])
def fleet(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Fleet]]:
    """Reads a site with this secrets file and these passwords, in this order.

    Here, or in a process that is made for a run: of the vault this one knows nothing then.
    """
    if request.param == "there":
        process = engine.Engine(shown=False, fork=True)
        monkeypatch.setattr(engine, "prepared", lambda: process)
        request.addfinalizer(process.close)

    def make(secrets: str, *ids: str) -> Fleet:
        (tmp_path / "inventory.yml").write_text(INVENTORY)
        path = tmp_path / "secrets.yml"
        path.write_text(secrets)
        path.chmod(0o600)
        options = []
        for name in ids:
            (tmp_path / name).write_bytes(PASSWORDS[name])
            options += ["--vault-id", f"{name}@{tmp_path / name}"]
        monkeypatch.setattr(VaultSecretsContext, "_current", None)
        return read_fleet(["-i", str(tmp_path / "inventory.yml"), *options])

    yield make
    VaultSecretsContext._current = None


def encrypted(text: str, name: str = "prod") -> str:
    written: bytes = vault(name).encrypt(text, vault_id=name)
    return written.decode()


def single(value: str) -> str:
    lines = "".join(f"    {line}\n" for line in encrypted(value).splitlines())
    return f"provision_secrets:\n  # chosen\n  influxdb_admin_password: !vault |\n{lines}"


def test_a_vaulted_file_stays_that_of_its_own_password(fleet: Callable[..., Fleet]) -> None:
    text = encrypted(f"provision_secrets: {{influxdb_admin_password: {OLD}}}\n")
    site = fleet(text, "other", "prod")
    content = keep_secrets(site, print).read_bytes()
    assert content.startswith(b"$ANSIBLE_VAULT;1.2;AES256;prod\n")
    assert b"grafana_admin_password" in vault("prod").decrypt(content)
    assert load_secrets(site.secrets_file, site.inventory.read_yaml)["influxdb_admin_password"] == (
        OLD
    )


def test_single_values_are_read_and_stay_vaulted(fleet: Callable[..., Fleet]) -> None:
    text = single(OLD)
    site = fleet(text, "other", "prod")
    found = load_secrets(keep_secrets(site, print), site.inventory.read_yaml)
    assert found["influxdb_admin_password"] == OLD and "grafana_secret_key" in found
    kept = site.secrets_file.read_text()
    assert OLD not in kept and set(text.splitlines()) <= set(kept.splitlines())
    assert site.secrets_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ids", [(), ("other",)])
def test_a_single_value_without_its_password_is_told(
    fleet: Callable[..., Fleet], ids: tuple[str, ...]
) -> None:
    site = fleet(single(OLD), *ids)
    with pytest.raises(ProvisionError, match=r"secrets\.yml: .*decrypt") as caught:
        keep_secrets(site, print)
    assert "--vault-password-file" in str(caught.value.remedy)
