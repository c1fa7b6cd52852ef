from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from comparing import filling, wanted

CASES = Path(__file__).parent.parent / "cases"
SECRET = "{{ provision_secrets.a }}"
PRINTED = "{{ (provision_secrets.a | hash('sha256'))[:8] }}"


def by_ansible(text: str, secrets: dict[str, str]) -> str:
    """The other way, in a process where Ansible finds its filters."""
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([])
    return filling.filled_by_ansible(text, secrets, Templar(DataLoader()))


def rendered() -> list[Path]:
    """Every rendered file of the cases that has secrets in it."""
    return [
        host.parent / entry["path"].lstrip("/")
        for host in sorted(CASES.rglob(".manifest.json"))
        for entry in json.loads(host.read_text())["files"]
        if entry.get("secret")
    ]


def test_every_rendered_file_is_filled_as_ansible_fills_it() -> None:
    quick = 0
    for path in rendered():
        text = path.read_text()
        secrets = {name: f"s3crét {{{{ {name} }}}} \\ '\"" for name in wanted.secrets_in(text)}
        mine = filling.filled(text, secrets)
        quick += mine is not None
        if mine is not None:
            assert mine == by_ansible(text, secrets), path
    assert quick > len(rendered()) / 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "plain",
        SECRET,
        f"{SECRET}\n",
        f"\n\n{SECRET}\n",
        f"{PRINTED}:{SECRET}\n",
        f"{{ {SECRET} }}",
        f"${{VAR}} }} }}}} %}} {SECRET}",
    ],
)
@pytest.mark.parametrize("value", ["v", "{{ 1 }}", "{% if %}", "\\1 \\n", SECRET])
def test_quickly_is_as_by_ansible(text: str, value: str) -> None:
    assert filling.filled(text, {"a": value}) == by_ansible(text, {"a": value})


@pytest.mark.parametrize(
    "text",
    [
        "{{ provision_secrets.a | wordwrap(64) }}",
        "{{provision_secrets.a}}",
        "{% raw %}{{ provision_secrets.a }}{% endraw %}",
        "{# {{ provision_secrets.a }} #}",
        "{{{ provision_secrets.a }}",
        "{{ provision_secrets.a }}\r\n",
        "{{ provision_secrets.a",
        "{{ provision_secrets.a }}\n\n",
    ],
)
def test_what_is_more_is_left_to_ansible(text: str) -> None:
    assert filling.filled(text, {"a": "v"}) is None


@pytest.mark.parametrize("value", ["", "v\nw", "v\n"])
def test_a_secret_that_makes_lines_is_left_to_ansible(value: str) -> None:
    assert filling.filled(SECRET, {"a": value}) is None
