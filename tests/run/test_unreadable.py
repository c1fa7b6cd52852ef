"""Inventories that Ansible cannot read: what is told of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from provision.errors import ProvisionError
from provision.run.reading import read

SCRIPTS = {
    "#!/bin/sh\necho 'one\nthe list is not there' >&2\nexit 3\n": "the list is not there",
    "#!/bin/sh\necho nonsense\n": "could not be parsed as JSON",
}
PLUGINS = {
    "plugin: example.cloud.machines\n": "specifies unknown plugin 'example.cloud.machines'",
    "plugin: ansible.builtin.constructed\nstrict: true\ncompose: {apps: nonesuch}\n": "nonesuch",
}


@pytest.mark.parametrize(("name", "text", "why"), [
    *(("machines", text, why) for text, why in SCRIPTS.items()),
    *(("machines.yml", text, why) for text, why in PLUGINS.items()),
])  # fmt: skip
def test_why_hosts_from_elsewhere_cannot_be_had_is_told(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    (tmp_path / "1-own.yml").write_text("monitor: {hosts: {m.example.org: {}}}\n")
    path = tmp_path / name
    path.write_text(text)
    path.chmod(0o755 if text.startswith("#!") else 0o644)
    with pytest.raises(ProvisionError) as failed:
        read(["-i", str(tmp_path)], lambda directory: frozenset())
    assert str(path) in failed.value.message
    assert why in failed.value.message
    assert failed.value.remedy and f"ansible-inventory -i {tmp_path}" in failed.value.remedy


def test_vaulted_variables_without_their_password_are_named(tmp_path: Path) -> None:
    vault = VaultLib([("default", VaultSecret(b"right"))])
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: {m: }}\n")
    (tmp_path / "group_vars").mkdir()
    path = tmp_path / "group_vars" / "monitor.yml"
    whole = vault.encrypt(b"influxdb_port: 8087\n")
    path.write_bytes(whole)
    (tmp_path / "wrong").write_text("wrong\n")
    options = ["-i", str(tmp_path / "inventory.yml")]
    wrong = ["--vault-password-file", str(tmp_path / "wrong")]
    for more in ([], wrong):
        with pytest.raises(ProvisionError) as failed:
            read([*options, *more], lambda directory: frozenset({"influxdb_port"}))
        assert failed.value.message.startswith(f"{path}: ")
        assert "--vault-password-file" in str(failed.value.remedy)
    single = vault.encrypt(b"8087").decode().replace("\n", "\n  ").rstrip()
    path.write_text(f"influxdb_port: !vault |\n  {single}\n")
    with pytest.raises(ProvisionError, match="m: variable influxdb_port: ") as failed:
        read(options, lambda directory: frozenset({"influxdb_port"}))
    assert "--vault-password-file" in str(failed.value.remedy)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("monitor: {hosts: [m]}", 'Invalid "hosts" entry for "monitor" group, .* found a list'),
        ("monitor: {vars: [a]}", 'Invalid "vars" entry for "monitor" group, .* found a list'),
        ("- a\n- b\n", "YAML inventory has invalid structure, .* got: a list"),
    ],
)
def test_what_is_no_dictionary_is_told_without_what_other_plugins_say(
    tmp_path: Path, text: str, what: str
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(text)
    with pytest.raises(ProvisionError) as caught:
        read(["-i", str(path)], lambda _: frozenset())
    assert re.fullmatch(f"{re.escape(str(path))}: {what}.*", caught.value.message)
    assert "colon" in str(caught.value.remedy)


def test_a_variable_beside_the_hosts_of_a_group_is_told_where_it_belongs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text("workers: {hosts: {w: }, apps: [realm]}\n")
    read(["-i", str(path)], lambda _: frozenset())
    told = " ".join(capsys.readouterr().err.split())
    assert "it is not a mapping, it is a list (variables of workers stand under its vars:" in told
    assert "class" not in told
