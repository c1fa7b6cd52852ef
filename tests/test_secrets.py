from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.errors import InvalidInput, ProvisionError
from provision.secrets import PLAIN, complete, ensure_secrets, load_secrets, write_secrets


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def write(path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_secrets(path, values)


def test_secrets_come_back_as_they_were_written_and_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secrets.yml"
    write(path, {"a": "x-1_="})
    assert load_secrets(path, read) == {"a": "x-1_="}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.yml"]


def test_no_file_means_no_secrets_yet(tmp_path: Path) -> None:
    assert load_secrets(tmp_path / "secrets.yml", read) == {}


def test_only_missing_secrets_are_made_and_no_two_are_the_same() -> None:
    made = complete({"a": "kept"}, ["a", "b", "c"])
    assert made["a"] == "kept"
    assert made["b"] != made["c"]
    assert all(PLAIN.fullmatch(value) and len(value) >= 43 for value in (made["b"], made["c"]))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secrets.yml"
    write(path, {"a": "x"})
    path.chmod(mode)
    with pytest.raises(ProvisionError, match="others than its owner") as caught:
        load_secrets(path, read)
    assert caught.value.remedy == f"chmod 0600 {path}"


@pytest.mark.parametrize(
    "text", ["", "a: b", "- x", "provision_secrets: [1]", "provision_secrets:"]
)
def test_a_garbled_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match=r"secrets\.yml: provision_secrets: missing"):
        load_secrets(path, read)


@pytest.mark.parametrize("value", ["123", "''", "'a b'", "'a\"b'", "'$x'", "'{{ x }}'", "[a]", "~"])
def test_a_secret_that_would_need_quoting_is_refused_by_name(tmp_path: Path, value: str) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(f"provision_secrets: {{good: abc, bad: {value}}}")
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match=r"provision_secrets\.bad"):
        load_secrets(path, read)


@pytest.mark.parametrize("name", ["grafana_contact_chat", "grafana_smtp_password"])
def test_what_others_chose_may_have_more_characters(tmp_path: Path, name: str) -> None:
    path = tmp_path / "secrets.yml"
    write(path, {name: "a!#%&*(),;<>?[]^|b"})
    path.chmod(0o600)
    assert load_secrets(path, read)[name] == "a!#%&*(),;<>?[]^|b"
    for bad in ("$x", 'a"b', "a b", "{{ x }}", "a\\b", "%(x)s", "`x`", "é", ""):
        write(path, {name: bad})
        path.chmod(0o600)
        with pytest.raises(InvalidInput, match=name):
            load_secrets(path, read)


def test_a_vaulted_file_stays_vaulted(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    write_secrets(path, {"a": "x"}, lambda text: "$ANSIBLE_VAULT;1.1;AES256\n" + text)
    assert path.read_text().startswith("$ANSIBLE_VAULT")


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProvisionError, match="the secrets cannot be kept"):
        ensure_secrets(tmp_path / "file" / "secrets.yml", ["a"], read, str)


def test_runs_at_once_make_one_set_of_secrets(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(ensure_secrets, path, ["a", "b"], read, str) for _ in range(16)]
        made = [job.result()[0] for job in jobs]
    assert all(secrets == made[0] for secrets in made)
    assert load_secrets(path, read) == made[0]


def test_nothing_is_left_of_a_file_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provision.secrets.os.fsync", full)
    with pytest.raises(ProvisionError, match="No space left"):
        write_secrets(tmp_path / "secrets.yml", {"a": "x"})
    assert list(tmp_path.iterdir()) == []
