from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.cli import run
from provision.commands.tunnel import CONNECTION, ssh_command
from provision.settings import Settings
from provision.site.model import Host

FORWARD = ["ssh", "-N", "-S", "none", "-o", "ExitOnForwardFailure=yes", "-L"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def inventory(**variables: Any) -> None:
    """A site with a worker that takes TCP, and one that does not."""
    workers = {"hosts": {"jobs": {"apps": ["tinybird-jobs"], **variables}, "other": {}}}
    groups = {
        "monitor": {"hosts": {"m": {"ansible_host": "192.0.2.1"}}},
        "workers": {**workers, "vars": {"apps": ["realm"]}},
    }
    Path("inventory.yml").write_text(json.dumps(groups))


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The words of the command that is shown, as a shell would read them."""
    assert run(["tunnel", "--show", *words]) == 0
    line, rest = capsys.readouterr().out.split("\n", 1)
    assert rest == ""
    return shlex.split(line)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["tunnel", *words]) == 1
    return capsys.readouterr().err


def command(variables: Mapping[str, Any], port: int = 8125, **settings: Any) -> list[str]:
    host = Host("jobs", False, True, Settings.model_validate(settings), ())
    return ssh_command(host, variables, port)


def test_a_worker_is_reached_as_ansible_reaches_it_by_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inventory()
    assert shown(capsys, "jobs") == [*FORWARD, "127.0.0.1:8125:127.0.0.1:8125", "--", "jobs"]


def test_every_variable_that_says_how_to_connect_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {
        "ansible_host": "2001:db8:a::1",
        "ansible_port": 2222,
        "ansible_user": "admin",
        "ansible_connection": "ansible.builtin.ssh",
        "ansible_ssh_private_key_file": "/keys/of the site",
        "ansible_ssh_common_args": "-o 'ProxyCommand=nc -X connect %h %p' -F '/x y'",
        "ansible_ssh_extra_args": "-o ServerAliveInterval=5",
    }
    assert given.keys() < CONNECTION
    inventory(**given)
    assert shown(capsys, "jobs") == [
        *(*FORWARD, "127.0.0.1:8125:127.0.0.1:8125"),
        *("-o", "ProxyCommand=nc -X connect %h %p", "-F", "/x y"),
        *("-o", "ServerAliveInterval=5"),
        *("-i", "/keys/of the site", "-p", "2222", "-l", "admin", "--", "2001:db8:a::1"),
    ]


def test_either_name_of_the_key_counts_and_the_command_line_wins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inventory(ansible_private_key_file="/k1", ansible_user="a")
    assert shown(capsys, "jobs")[len(FORWARD) + 1 :] == ["-i", "/k1", "-l", "a", "--", "jobs"]
    words = shown(capsys, "--private-key", "/k2", "-u", "b", "jobs")
    assert words[len(FORWARD) + 1 :] == ["-i", "/k2", "-l", "b", "--", "jobs"]


def test_variables_may_be_templates_and_extra_ones_win(capsys: pytest.CaptureFixture[str]) -> None:
    inventory(ansible_user="{{ who }}", who="admin")
    assert shown(capsys, "jobs")[len(FORWARD) + 1 :][:2] == ["-l", "admin"]
    assert shown(capsys, "-e", "who=root", "jobs")[len(FORWARD) + 1 :][:2] == ["-l", "root"]


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "[2001:db8::7]"),
    ],
)
def test_the_tunnel_ends_where_telegraf_listens_for_tcp(address: str, reached: str) -> None:
    words = command(
        {},
        port=9999,
        telegraf_statsd_tcp_address=address,
        telegraf_statsd_tcp_port=18126,
        telegraf_statsd_port=1,
    )
    assert words == [*FORWARD, f"127.0.0.1:9999:{reached}:18126", "--", "jobs"]


@pytest.mark.parametrize("address", ["-oProxyCommand=reboot", "a b", "a;b", "$(reboot)", "'"])
def test_an_address_is_never_an_option_nor_a_shells(address: str) -> None:
    words = command({"ansible_host": address})
    assert words[-2:] == ["--", address]
    assert shlex.split(shlex.join(words)) == words


@pytest.mark.parametrize("name", ["ansible_ssh_common_args", "ansible_ssh_extra_args"])
def test_a_quote_that_does_not_end_is_told(capsys: pytest.CaptureFixture[str], name: str) -> None:
    inventory(**{name: "-o 'ProxyCommand=x"})
    assert "jobs: the arguments for ssh cannot be read: No closing quotation" in told(
        capsys, "--show", "jobs"
    )


@pytest.mark.parametrize("connection", ["local", "community.docker.docker", "containers.podman.x"])
def test_a_host_that_is_not_reached_by_ssh_has_no_tunnel(
    capsys: pytest.CaptureFixture[str], connection: str
) -> None:
    inventory(ansible_connection=connection)
    assert "ssh alone can forward a port" in told(capsys, "--show", "jobs")


def test_a_host_that_takes_udp_alone_has_no_tunnel(capsys: pytest.CaptureFixture[str]) -> None:
    inventory()
    said = told(capsys, "--show", "other")
    assert "other: its Telegraf takes statsd over UDP alone" in said
    assert "transport: tcp" in said


@pytest.mark.parametrize("name", ["m", "nobody", "job", ""])
def test_a_host_that_is_no_worker_is_told_with_those_that_are(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    inventory()
    said = told(capsys, "--show", name)
    assert f"{name}: not a worker" in said
    assert "the workers are jobs, other" in said


def test_without_ssh_it_is_told_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inventory()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ssh is not installed" in told(capsys, "jobs")
    assert shown(capsys, "jobs")[0] == "ssh"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["jobs", "other"],
        ["--port", "0", "jobs"],
        ["--port", "65536", "jobs"],
        ["--port", "x", "jobs"],
        ["--no-such-option", "jobs"],
    ],
)
def test_a_wrong_command_line_is_exit_2(words: list[str]) -> None:
    assert run(["tunnel", *words]) == 2


def test_the_process_becomes_ssh_and_says_how_to_try_it(tmp_path: Path) -> None:
    """A program of the name stands in for ssh, and tells what it was given."""
    inventory(ansible_user="it's me")
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nfor word; do echo "$word"; done\nexit 255\n')
    fake.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "provision", "tunnel", "--port", "9125", "jobs"],
        env={**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        *(*FORWARD[1:], "127.0.0.1:9125:127.0.0.1:8125"),
        *("-l", "it's me", "--", "jobs"),
    ]
    assert done.returncode == 255
    assert "127.0.0.1:9125 is jobs's statsd over TCP now; Ctrl-C ends it" in done.stderr
    assert "/dev/tcp/127.0.0.1/9125" in done.stderr
