from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible._internal._datatag._tags import Origin, TrustedAsTemplate
from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from ansible.errors import AnsibleTemplateSyntaxError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.collection_loader import _collection_finder

from provision.paths import PLAYBOOKS
from provision.run import loading
from provision.run.environment import playbook_environment

TEXT = b"plugin_routing: {modules: {old: {redirect: new}}}\n"
ROUTES = {"plugin_routing": {"modules": {"old": {"redirect": "new"}}}}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is kept; what was set in this process by others is put back at the end."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    read = _collection_finder._meta_yml_to_dict
    monkeypatch.setattr(_collection_finder, "_meta_yml_to_dict", lambda *each: read(*each))
    loading.remember_routes()
    return tmp_path / "provision" / "ansible"


def test_what_was_read_is_not_read_again(kept: Path) -> None:
    assert _collection_finder._meta_yml_to_dict(TEXT, ("a.b", "runtime.yml")) == ROUTES
    (file,) = kept.iterdir()
    file.write_text('{"kept": "here"}')
    assert _collection_finder._meta_yml_to_dict(TEXT, ("a.b", "runtime.yml")) == {"kept": "here"}


def test_another_text_is_another(kept: Path) -> None:
    _collection_finder._meta_yml_to_dict(TEXT, ("a.b", "runtime.yml"))
    assert _collection_finder._meta_yml_to_dict(b"{}", ("a.b", "runtime.yml")) == {}
    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize("there", ["", '{"plugin_rou', "[]", "\xff"])
def test_what_was_cut_short_is_read_again(kept: Path, there: str) -> None:
    _collection_finder._meta_yml_to_dict(TEXT, ("a.b", "runtime.yml"))
    (file,) = kept.iterdir()
    file.write_bytes(there.encode("latin-1"))
    assert _collection_finder._meta_yml_to_dict(TEXT, ("a.b", "runtime.yml")) == ROUTES
    assert json.loads(file.read_text()) == ROUTES


def test_where_nothing_can_be_kept_it_is_read(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "provision").write_text("no directory")
    assert _collection_finder._meta_yml_to_dict(TEXT, ("a.b", "runtime.yml")) == ROUTES


def test_it_is_as_ansible_reads_it() -> None:
    program = (
        "import json\n"
        "from ansible.plugins import loader\n"
        "{0}loader.init_plugin_loader([])\n"
        "import ansible_collections.ansible.builtin as builtin\n"
        "print(json.dumps(builtin._collection_meta))\n"
    )
    remember = "from provision.run.loading import remember_routes as r; r(); r(); "
    plain, first, second = (
        subprocess.run(
            [sys.executable, "-c", program.format(line)], capture_output=True, text=True, check=True
        ).stdout
        for line in ("", remember, remember)
    )
    assert json.loads(plain)["plugin_routing"]
    assert plain == first == second


def test_every_plugin_that_is_loaded_ahead_is_there_and_nothing_is_said() -> None:
    program = (
        "from provision.run.loading import load_plugins, _PLUGINS\n"
        "list(load_plugins())\n"
        "from ansible.plugins import loader\n"
        "loader.init_plugin_loader([])\n"
        "for kind, names in _PLUGINS.items():\n"
        "    for name in names:\n"
        "        assert getattr(loader, f'{kind}_loader').get(name, class_only=True), name\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


KNOWN = """
import pickle, sys
from provision.paths import PLAYBOOKS
from provision.run import loading
from ansible import constants
loading.find_plugins()
before = constants.config.has_configuration_definition("inventory", "yaml")
list(loading.load_plugins())
found = {kind: loading._documented(kind) for kind in loading._PLUGINS}
for kind, name in (("connection", "ssh"), ("become", "sudo"), ("shell", "sh")):
    assert name in found[kind]
print(before, found)
"""


def known(directory: Path) -> str:
    base = {**os.environ, "XDG_CACHE_HOME": str(directory), "HOME": str(directory)}
    environment = playbook_environment(base, verbose=False)
    done = subprocess.run(
        [sys.executable, "-c", KNOWN], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_documentation_of_plugins_is_read_once(tmp_path: Path) -> None:
    first, second = known(tmp_path), known(tmp_path)
    assert first.startswith("False ") and second.startswith("True ")
    assert first.partition(" ")[2] == second.partition(" ")[2]
    for kept in (tmp_path / "provision" / "ansible").glob("definitions-*"):
        kept.write_bytes(kept.read_bytes()[:-100])
    assert known(tmp_path) == first
    assert known(tmp_path) == second


def test_where_an_operator_has_plugins_it_is_not_taken_for_theirs(tmp_path: Path) -> None:
    known(tmp_path)
    (tmp_path / ".ansible" / "plugins" / "connection").mkdir(parents=True)
    assert known(tmp_path).startswith("False ")


def test_what_is_kept_says_which_words_are_templates_and_no_more() -> None:
    origin, trusted = Origin(path="/x.yml", line_num=1), TrustedAsTemplate()
    given = origin.tag([{trusted.tag("a"): origin.tag(trusted.tag("{{ b }}"))}, trusted.tag("c")])
    kept = loading._light([*given, origin.tag(1), origin.tag("{{ d }}"), None, True])
    assert kept == [{"a": "{{ b }}"}, "c", 1, "{{ d }}", None, True]
    assert TrustedAsTemplate.is_tagged_on(kept[0]["a"])
    assert not Origin.is_tagged_on(kept[0]["a"])
    assert [type(each) for each in kept[1:]] == [str, int, str, type(None), bool]


SITE = PLAYBOOKS / "site.yml"


def rendered(text: str, path: Path = SITE, **variables: Any) -> Any:
    """A text as Ansible evaluates it that comes from that file."""
    source = TrustedAsTemplate().tag(Origin(path=str(path), line_num=1).tag(text))
    return Templar(DataLoader(), variables=variables).template(source)


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Ansible has compiled itself since, while compiled templates are kept."""
    done: list[str] = []
    compiles = AnsibleEnvironment.compile

    def compiling(environment: Any, source: Any, *more: Any, **named: Any) -> Any:
        done.append(str(source))
        return compiles(environment, source, *more, **named)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(AnsibleEnvironment, "compile", compiling)
    loading.remember_templates()
    return done


def test_a_template_of_the_playbooks_is_compiled_once(compiled: list[str]) -> None:
    text = "{{ groups | default([]) | length }}"
    assert rendered(text, groups=["a"]) == 1
    assert compiled == [text]
    assert rendered(text, groups=["a", "b"]) == 2
    assert compiled == [text]


def test_one_that_an_operator_wrote_is_compiled_each_time(
    tmp_path: Path, compiled: list[str]
) -> None:
    """There may be any number of those."""
    for text in ("{{ 1 + 1 }}", "{{ groups | length }}"):
        for _ in range(2):
            assert rendered(text, tmp_path / "inventory.yml", groups=["a", "b"]) == 2
    assert len(compiled) == 4
    assert not (tmp_path / "provision").exists()


@pytest.mark.parametrize("text", ["{{ 'a\\\\n' | length }}", "{{ 'a\\n' | length }}"])
def test_what_a_backslash_means_is_asked_each_time(compiled: list[str], text: str) -> None:
    assert rendered(text) == rendered(text)
    assert compiled == [text, text]


def test_it_is_kept_once_however_often_that_is_asked_for(compiled: list[str]) -> None:
    remembering = AnsibleEnvironment.compile
    loading.remember_templates()
    assert AnsibleEnvironment.compile is remembering


def test_where_an_environment_is_otherwise_it_still_compiles(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_SYNTAX", (*loading._SYNTAX, "of_a_version_to_come"))
    assert rendered("{{ 1 + number }}", number=1) == rendered("{{ 1 + number }}", number=1) == 2
    assert len(compiled) == 1


def test_an_error_is_told_as_ever(compiled: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(AnsibleTemplateSyntaxError, match="Syntax error in template"):
            rendered("{{ groups[ }}")


def test_a_template_that_cannot_be_kept_is_compiled(tmp_path: Path, compiled: list[str]) -> None:
    (tmp_path / "provision").write_text("no directory")
    assert rendered("{{ 1 + number }}", number=2) == 3
    assert compiled == ["{{ 1 + number }}"]


def test_where_ansible_compiles_otherwise_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ansible._internal._templating._jinja_bits", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    loading.remember_templates()
    assert rendered("{{ 1 + number }}", number=2) == 3
    assert not (tmp_path / "provision").exists()
