"""Where certificates and keys are kept: what a run writes, and what a look leaves alone."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret, is_encrypted

from provision.errors import ProvisionError
from provision.fleet.keeping import keep_secrets, with_certificates
from provision.fleet.model import Fleet
from provision.services import reader
from provision.tls.keeping import ca_file, prepare
from tests.conftest import INVENTORY

Make = Callable[..., Fleet]
OWN = INVENTORY + "all: {vars: {tls: own-ca}}\n"


def test_a_run_keeps_certificates_beside_the_inventory_and_keys_with_the_secrets(
    fleet_of: Make, tmp_path: Path
) -> None:
    fleet, notes = fleet_of(OWN), list[str]()
    keep_secrets(fleet, notes.append)
    assert [note.partition(":")[0] for note in notes] == [
        "new secrets are in " + str(tmp_path / "secrets.yml"),
        "a certificate authority of this site is made",
        "a certificate for InfluxDB and Grafana is made",
    ]
    public = {path.name: path.read_text() for path in (tmp_path / "tls").iterdir()}
    assert public.keys() == {"ca.crt", "server.crt"}
    assert not any("PRIVATE" in text for text in public.values())
    assert stat.S_IMODE((tmp_path / "secrets.yml").stat().st_mode) == 0o600
    secrets = yaml.safe_load((tmp_path / "secrets.yml").read_text())["provision_secrets"]
    assert {"tls_ca_key", "tls_server_key", "influxdb_admin_password"} < secrets.keys()

    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    tls = with_certificates(fleet).tls
    assert (tls.certificate, tls.ca) == (public["server.crt"], public["ca.crt"])
    keep_secrets(fleet, notes.append)
    assert len(notes) == 3
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_look_makes_nothing(fleet_of: Make, tmp_path: Path) -> None:
    fleet = fleet_of(OWN)
    prepared = prepare(fleet.site.tls, fleet.secrets_file, {}, Path.read_bytes)
    assert prepared.tls.certificate and len(prepared.news) == 2 and len(prepared.secrets) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.yml"]


def test_what_is_vaulted_stays_so(fleet_of: Make, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of-the-test")
    plain, vaulted = (
        fleet_of(INVENTORY),
        fleet_of(OWN, f"--vault-password-file={tmp_path}/password"),
    )
    path = keep_secrets(plain, str)
    vault = VaultLib([("default", VaultSecret(b"of-the-test"))])
    path.write_bytes(vault.encrypt(path.read_bytes()))
    keep_secrets(vaulted, str)
    assert is_encrypted(path.read_bytes())
    assert "tls_ca_key" in vaulted.inventory.read_yaml(path)["provision_secrets"]


def test_a_garbled_key_is_told_with_file_and_name(fleet_of: Make) -> None:
    fleet = fleet_of(OWN)
    wrong = {"tls_ca_key": "AAAA"}
    with pytest.raises(
        ProvisionError, match=r"secrets\.yml: provision_secrets\.tls_ca_key: no key"
    ):
        prepare(fleet.site.tls, fleet.secrets_file, wrong, Path.read_bytes)


def test_what_ends_while_nobody_runs_anything_is_renewed(fleet_of: Make, tmp_path: Path) -> None:
    fleet = fleet_of(OWN)
    path = keep_secrets(fleet, str)
    secrets = fleet.inventory.read_yaml(path)["provision_secrets"]
    later = datetime.now(UTC) + timedelta(days=500)
    prepared = prepare(fleet.site.tls, path, secrets, Path.read_bytes, later)
    assert prepared.files.keys() == {tmp_path / "tls" / name for name in ("ca.crt", "server.crt")}
    assert prepared.tls.ca == (tmp_path / "tls" / "ca.crt").read_text()


def test_a_look_at_what_runs_takes_what_there_is_until_it_is_renewed(fleet_of: Make) -> None:
    """`provision verify` is no failure for months because the next run would renew something."""
    fleet = fleet_of(OWN)
    path = keep_secrets(fleet, str)
    secrets = fleet.inventory.read_yaml(path)["provision_secrets"]
    later = datetime.now(UTC) + timedelta(days=300)
    seen = prepare(fleet.site.tls, path, secrets, Path.read_bytes, later, as_is=True)
    assert seen.tls == with_certificates(fleet).tls
    assert len(seen.news) == 1 and not seen.secrets and not seen.files


def test_clients_know_the_services_by_the_site_s_authority(fleet_of: Make, tmp_path: Path) -> None:
    fleet = fleet_of(OWN)
    with pytest.raises(ProvisionError, match=r"tls/ca\.crt: there is no such file"):
        ca_file(fleet.site.tls, fleet.secrets_file)
    keep_secrets(fleet, str)
    assert ca_file(fleet.site.tls, fleet.secrets_file) == tmp_path / "tls" / "ca.crt"
    with pytest.raises(ProvisionError, match="no influxdb_read_token"):
        reader(fleet)
    off = fleet_of(INVENTORY)
    assert ca_file(off.site.tls, off.secrets_file) is None
