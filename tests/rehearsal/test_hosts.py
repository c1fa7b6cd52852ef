from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from provision.rehearsal import hosts, processes, stage
from provision.rehearsal.state import Process, State


def rehearsal_in(directory: Path) -> hosts.Rehearsal:
    return hosts.Rehearsal(directory, State("one", Process(1, 1), 3, {"w": "10.213.3.10"}))


def understood(*options: str) -> dict[str, str]:
    """What ssh itself makes of options, without a connection."""
    said = processes.run("ssh", "-G", "-F", "none", *options, "root@10.213.3.10").stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


@pytest.mark.parametrize("directory", ["/a/rehearsals/one", "/home/a user's/30%h/one"])
def test_ssh_takes_the_directory_of_a_rehearsal_as_it_is(directory: str) -> None:
    rehearsal = rehearsal_in(Path(directory))
    command = rehearsal.ssh("w", standing=True)
    ours = shlex.split(stage.connection_variables(rehearsal)["ansible_ssh_common_args"])
    for options in (command[3:-1], ours):
        found = understood(*options)
        assert found["controlpath"] == f"{directory}/root@10.213.3.10:22"
        # ssh says it as it was given, and looks for the file without the second %.
        assert found["userknownhostsfile"].replace("%%", "%") == f"{directory}/known_hosts"


def test_a_connection_that_stands_is_used_only_where_that_is_said() -> None:
    rehearsal = rehearsal_in(Path("/a"))
    assert "controlpath" not in understood(*rehearsal.ssh("w")[3:-1])


def test_a_path_that_is_too_long_for_a_socket_is_none() -> None:
    assert rehearsal_in(Path("/a") / ("ä" * 40)).control_path == "none"
    assert rehearsal_in(Path("/a") / ("a" * 40)).control_path != "none"
