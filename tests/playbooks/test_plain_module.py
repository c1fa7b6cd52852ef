"""What takes AnsibleModule's place on the hosts, held against what Ansible makes of arguments."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.provision import options, plain_module

SPEC: dict[str, Any] = {
    **options.PLACED,
    **options.WORKING,
    "state": {"choices": ["placed", "restored"], "default": "placed"},
    "lock_timeout": {"type": "int", "default": 300},
    "patience": {"type": "int"},
    "renew": {"type": "list", "elements": "str", "default": []},
    "needed": {"type": "dict", "required": True},
}
FOLDER = {"path": "/etc/a", "owner": "root", "group": "root", "mode": "0644"}
FILE = {**FOLDER, "content": "aGk=", "digest": "ab"}
CHECK = {"command": ["true", 1], "copies": ["/etc"], "user": "nobody"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"timeout": "5", "lock_timeout": "7", "keep": "no", "recheck": "yes", "patience": 3},
        {"timeout": 5, "stable_seconds": 0.5, "keep": False, "state": "restored"},
        {"renew": "a, b", "absent": ["/a", "~root/b"], "unfinished": "$HOME/x"},
        {"files": [FILE], "directories": [FOLDER]},
        {"check": CHECK, "services": [{"name": "a"}], "record": {"a": [1]}, "renew": ["x", 2]},
    ],
)
def test_arguments_are_what_ansible_makes_of_them(given: dict[str, Any]) -> None:
    given = {**given, "needed": {"a": None}}
    expected = ArgumentSpecValidator(SPEC).validate(given)
    assert not expected.error_messages
    assert plain_module.arguments(given, SPEC, []) == expected.validated_parameters


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needed"),
        ({"needed": {}, "state": "elsewhere"}, "state.*elsewhere"),
        ({"needed": {}, "keep": "perhaps"}, "keep.*perhaps"),
        ({"needed": {}, "lock_timeout": "soon"}, "lock_timeout.*soon"),
        ({"needed": {}, "nonsense": 1}, "nonsense"),
        ({"needed": {}, "files": [{"path": "/a"}]}, "files.*owner"),
        ({"needed": {}, "files": [{**FILE, "extra": 1}]}, "extra"),
    ],
)
def test_what_ansible_refuses_is_refused(given: dict[str, Any], said: str) -> None:
    assert ArgumentSpecValidator(SPEC).validate(given).error_messages
    with pytest.raises(ValueError, match=said):
        plain_module.arguments(given, SPEC, [])


def answered(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    said: dict[str, Any] = json.loads(line.removeprefix(plain_module.MARK))
    return said


def module(monkeypatch: pytest.MonkeyPatch, **given: Any) -> plain_module.AnsibleModule:
    monkeypatch.setattr(plain_module, "GIVEN", {"arguments": given, "check": False})
    spec = {"secrets": {"type": "dict", "no_log": True}, "files": options.PLACED["files"]}
    return plain_module.AnsibleModule(spec, supports_check_mode=True)


def test_no_answer_tells_what_was_given_as_a_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = module(monkeypatch, secrets={"a": "hunter2", "b": ["s3cret"], "c": ""}, files=[FILE])
    with pytest.raises(SystemExit) as ended:
        given.fail_json(msg="refused: hunter2!", kept=["hunter2", {"x": "of s3cret"}], n=5)
    assert ended.value.code == 1
    said = answered(capsys)
    assert said["failed"] is True
    assert not re.search("hunter2|s3cret", json.dumps(said))
    assert said["msg"].startswith("refused: ")
    assert said["n"] == 5


def test_warnings_come_beside_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = module(monkeypatch)
    given.warn("mind the gap")
    with pytest.raises(SystemExit) as ended:
        given.exit_json(changed=True)
    assert ended.value.code == 0
    assert answered(capsys) == {"changed": True, "warnings": ["mind the gap"]}


def test_where_nothing_may_change_a_module_that_cannot_say_so_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plain_module, "GIVEN", {"arguments": {}, "check": True})
    with pytest.raises(SystemExit):
        plain_module.AnsibleModule({})
    assert answered(capsys) == {"changed": False, "skipped": True}


def test_arguments_that_will_not_do_end_the_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        module(monkeypatch, nonsense=1)
    assert "nonsense" in answered(capsys)["msg"]
