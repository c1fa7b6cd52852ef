"""The key of a Grafana that is there, whoever configured it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.provision import secret_key, state
from ansible.module_utils.provision.http import ServiceError

PACKAGE = "[security]\nsecret_key = known-to-all\n[log]\nmode = console\n"


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    monkeypatch.setattr(secret_key, "_DEFAULTS", str(tmp_path / "defaults.ini"))
    monkeypatch.setattr(secret_key, "DATABASE", str(tmp_path / "grafana.db"))
    monkeypatch.setattr(secret_key, "_runs", lambda: True)
    (tmp_path / "grafana.db").touch()
    (tmp_path / "defaults.ini").write_text("app_mode = production\n" + PACKAGE)
    paths = {name: str(tmp_path / name) for name in ("environment", "configuration")}
    return {"key": "key", **paths}


@pytest.mark.parametrize(
    ("environment", "configuration", "key"),
    [
        ('GF_SECURITY_SECRET_KEY="ours"\n', PACKAGE, "ours"),
        ("A=1\n  GF_SECURITY_SECRET_KEY=bare  \n", None, "bare"),
        ("GF_SECURITY_SECRET_KEY=a\nGF_SECURITY_SECRET_KEY=last\n", None, "last"),
        ("GF_SECURITY_SECRET_KEY='single'\n#GF_SECURITY_SECRET_KEY=no\n", None, "single"),
        (None, "[security]\nsecret_key = of-the-file\n", "of-the-file"),
        ("A=1\n", '[security]\nsecret_key = """quoted"""\n', "quoted"),
        (None, "[security]\n;secret_key = commented\nadmin_user = x\n", "known-to-all"),
        (None, "[server]\n%(nonsense\n", "known-to-all"),
        (None, None, "known-to-all"),
    ],
)
def test_the_key_in_use_is_found(
    entry: Mapping[str, Any], environment: str | None, configuration: str | None, key: str
) -> None:
    for name, text in (("environment", environment), ("configuration", configuration)):
        if text is not None:
            Path(entry[name]).write_text(text)
    assert secret_key.taken(entry, {"key": "another"}) == {"key": key}
    (told,) = secret_key.difference(entry, {"key": "another"})
    assert (told["name"], told["action"]) == (secret_key.NAME, "keep")
    assert ("by default" in told.get("warning", "")) == (key == "known-to-all")
    assert key not in str(told)
    assert secret_key.taken(entry, {"key": key}) == {}
    assert secret_key.difference(entry, {"key": key}) == []


def test_where_there_is_no_grafana_there_is_no_key(entry: Mapping[str, Any]) -> None:
    (Path(entry["environment"]).parent / "defaults.ini").unlink()
    assert secret_key.taken(entry, {}) == {}
    assert secret_key.difference(entry, {}) == []


def test_without_a_database_nothing_is_encrypted(entry: Mapping[str, Any]) -> None:
    Path(entry["environment"]).write_text("GF_SECURITY_SECRET_KEY=x\n")
    Path(secret_key.DATABASE).unlink()
    assert secret_key.difference(entry, {"key": "another"}) == []


def test_a_package_that_was_just_installed_says_nothing_of_a_database_that_was_left(
    entry: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_key, "_runs", lambda: False)
    assert secret_key.difference(entry, {"key": "kept"}) == []
    Path(entry["configuration"]).write_text("[security]\nsecret_key = of-a-person\n")
    assert secret_key.taken(entry, {"key": "kept"}) == {"key": "of-a-person"}


def test_it_is_told_of_a_grafana_that_does_not_answer_as_well(entry: Mapping[str, Any]) -> None:
    Path(entry["environment"]).write_text("GF_SECURITY_SECRET_KEY=of-a-person\n")
    asked = {"role": "grafana", "url": "http://127.0.0.1:9", "username": "admin", "secret": "s"}
    asked |= {**entry, "alerting": {"rules": [], "contacts": [], "file": "/none", "kept": "/k"}}
    seen = state.inspect(asked, {"s": "password", "key": "another"})
    assert "problem" in seen
    assert [each["name"] for each in seen["differences"]] == [secret_key.NAME]


def test_one_that_the_secrets_file_cannot_have_is_refused(entry: Mapping[str, Any]) -> None:
    Path(entry["environment"]).write_text('GF_SECURITY_SECRET_KEY="a b$"\n')
    with pytest.raises(ServiceError, match="cannot hold") as caught:
        secret_key.taken(entry, {"key": "x"})
    assert "a b$" not in f"{caught.value}{caught.value.remedy}"
