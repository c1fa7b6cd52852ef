"""Asked on a real terminal: a pty of the test's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from provision.cli import run
from provision.run.asking import password_of_sudo
from tests.conftest import INVENTORY
from tests.e2e.programs import at_terminal

QUESTION = """
import sys
from provision.run.asking import agreed, assert_answerable
assert_answerable(yes=False)
sys.exit(0 if agreed("Apply?", yes=False) else 5)
"""


@pytest.mark.parametrize(
    ("answer", "status"), [("y", 0), ("yes", 0), ("n", 5), ("", 5), ("N", 5), ("\x03", 1)]
)
def test_only_a_yes_is_a_yes(answer: str, status: int) -> None:
    done, seen = at_terminal(sys.executable, "-c", QUESTION, answers={"Apply?": answer}, timeout=60)
    assert done == status, seen
    assert "Apply? [y/N]" in seen


@pytest.mark.parametrize(
    "command", [["up"], ["monitor-server"], ["worker"], ["worker", "w1.example.com"]]
)
def test_where_nobody_can_answer_nothing_is_begun(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory.yml").write_text(INVENTORY)
    assert run(command) == 2
    assert "give --yes" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.yml"]


VAULT = """
trap : INT
{python} -m provision plan -i {inventory} --ask-vault-pass
echo status=$? $(stty | grep -o -- '-echo$')
"""


@pytest.mark.parametrize(("typed", "told"), [("word", "cannot be reached"), ("\x03", "status=130")])
def test_the_password_of_a_vault_is_asked_for_once_by_who_reads_the_inventory(
    typed: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "inventory.yml").write_text(
        "all: {vars: {ansible_port: 1}}\nmonitor: {hosts: {127.0.0.1: {}}}\n"
    )
    text: bytes = VaultLib([("default", VaultSecret(b"word"))]).encrypt("provision_secrets: {}\n")
    (tmp_path / "secrets.yml").write_bytes(text)
    (tmp_path / "secrets.yml").chmod(0o600)
    script = VAULT.format(python=sys.executable, inventory=tmp_path / "inventory.yml")
    _, seen = at_terminal("sh", "-c", script, answers={"Vault password": typed}, timeout=60)
    assert told in seen
    assert seen.count("Vault password") == 1
    assert "word\r" not in seen
    assert seen.rstrip().splitlines()[-1].startswith("status=")
    assert "-echo" not in seen, "the terminal does not show what is typed any more"


def test_a_site_without_an_inventory_is_not_kept_before_somebody_agreed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run(["monitor-server", "m.example.com"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_asked_for_only_where_ansible_would_ask_for_it_alone() -> None:
    assert password_of_sudo(["-i", "x"]) is None
    assert password_of_sudo(["-K", "-k"]) is None
    program = (
        "from provision.run.asking import password_of_sudo\n"
        "assert password_of_sudo(['--ask-become-pass']) == 'word'"
    )
    done, seen = at_terminal(
        sys.executable, "-c", program, answers={"BECOME password": "word"}, timeout=60
    )
    assert done == 0, seen
    assert "word\r" not in seen  # it is not shown
