from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.run import engine as engines
from provision.run.engine import Engine
from provision.run.reading import Reading, read


@pytest.fixture(params=[False, True], ids=["anew", "fork"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = Engine(shown=False, fork=request.param)
    yield made
    made.close()


def test_it_is_told_what_to_run_and_handed_descriptors(engine: Engine) -> None:
    reading, writing = os.pipe()
    engine.run(["--version"], {"ANSIBLE_NOCOLOR": "1"}, {engines.FIRST: writing})
    os.close(writing)
    assert engine.process.wait() == 0
    assert "ansible-playbook [core" in engine.printed()
    assert os.read(reading, 1) == b"", "somebody still holds the other end"
    os.close(reading)


#: Says in Ansible's own process how long it waits between two looks at its hosts.
POLLS = """
from ansible import constants
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = "name: polls\\ntype: aggregate\\nshort_description: x\\ndescription: x"
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "polls"
    def v2_playbook_on_play_start(self, play):
        print("POLLS", constants.DEFAULT_INTERNAL_POLL_INTERVAL)
"""


@pytest.mark.parametrize(
    ("hosts", "limit", "seconds"),
    [
        (3, "all", "0.001"),
        (50, "all", "0.015"),
        (400, "w7.example.com", "0.001"),
        (400, "all", "0.05"),
    ],
)
def test_ansible_looks_at_many_hosts_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: int, limit: str, seconds: str
) -> None:
    (tmp_path / "polls.py").write_text(POLLS)
    names = "\n".join(f"w{number}.example.com" for number in range(hosts))
    (tmp_path / "hosts").write_text(f"{names}\n")
    (tmp_path / "play.yml").write_text("- hosts: all\n  gather_facts: false\n")
    monkeypatch.setenv("ANSIBLE_CALLBACK_PLUGINS", str(tmp_path))
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "polls")
    engine = Engine(shown=False)
    words = ["-i", str(tmp_path / "hosts"), "-l", limit, str(tmp_path / "play.yml")]
    engine.run(words, {}, {})
    assert engine.process.wait() == 0
    assert f"POLLS {seconds}\n" in engine.printed()
    engine.close()


def test_it_ends_with_what_ansible_ends_with(engine: Engine) -> None:
    engine.run(["--no-such-option"], {}, {})
    assert engine.process.wait() == 2
    assert "usage: ansible-playbook" in engine.printed()


def test_it_ends_where_nothing_comes(engine: Engine) -> None:
    engine._socket.close()
    assert engine.process.wait() == 0
    assert engine.printed() == ""


def test_one_that_has_ended_says_why(engine: Engine) -> None:
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.process.wait()
    engine.run(["--version"], {}, {})
    assert engine.process.wait() == -9


def test_one_that_breaks_says_how() -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    assert engines.Fork(broken).wait() == 1


def test_one_that_is_not_needed_is_ended(engine: Engine) -> None:
    engine.close()
    assert engine.process.returncode is not None
    assert not Path(f"/proc/{engine.process.pid}").exists()


# Of a process of its own: this one has loaded Ansible already.
PREPARED = """\
import os, sys, threading
from provision.run import engine as engines
if sys.argv[2] == "thread":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
engines.prepare()
engines.prepare()
ready = [*engines._prepared]
from provision.fleet.reading import read_fleet
if sys.argv[2] == "elsewhere":
    os.chdir("/")  # where another ansible.cfg may be
fleet = read_fleet(["-i", sys.argv[1]])
assert fleet.site.monitor.name == "m.example.org"
loaded = "ansible" in sys.modules
taken = engines.engine(shown=False)
forked = isinstance(taken.process, engines.Fork)
print(len(ready), loaded, taken in ready, forked, [each.process.poll() is None for each in ready])
taken.run(["--version"], {}, {})
assert taken.process.wait() == 0, taken.printed()
assert "playbooks/ansible.cfg" in taken.printed()
taken.close()
"""


def in_a_process(script: str, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    base = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", script, str(directory / "inventory.yml"), *words],
        env={**base, "HOME": str(directory)},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("as it is", "1 False True True [True]"),
        ("elsewhere", "1 True False False [False]"),
        ("thread", "0 True False False []"),
    ],
)
def test_a_fork_reads_the_site_and_runs_what_follows(how: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: {m.example.org: {}}}\n")
    done = in_a_process(PREPARED, tmp_path, how)
    assert done.stdout == f"{told}\n", done.stderr
    assert done.stderr == ""


# What is read there, as it is read here.
READ = """\
import pickle, sys
from provision.errors import ProvisionError
from provision.run import engine as engines
engines.prepare()
from provision.run.engine import read_inventory
try:
    read = read_inventory(["-i", *sys.argv[1:]], lambda directory: frozenset({"a", "b"}))
except ProvisionError as error:
    print(error.message, error.remedy)
else:
    assert "ansible" not in sys.modules
    print(pickle.dumps(read).hex())
"""


# An inventory that notes each time that it is read.
SCRIPT = """\
#!/bin/sh
echo read >>{directory}/times
cat <<END
{{"_meta": {{"hostvars": {{}}}},
  "monitor": {{"hosts": ["m.example.org"], "vars": {{"a": "$(wc -l <{directory}/times)"}}}}}}
END
"""
AHEAD = """\
import sys
from provision.run import engine as engines
first, later = sys.argv[2].split(), sys.argv[3].split()
engines.prepare(["-i", sys.argv[1], *first])
from provision.run.engine import read_inventory
read = read_inventory(["-i", sys.argv[1], *later], lambda directory: frozenset({"a"}))
print([host.variables for host in read.hosts], sorted(read.limited))
"""


@pytest.mark.parametrize(
    ("first", "later", "times", "told"),
    [
        ("", "", 1, "[{'a': '1'}] ['m.example.org']"),
        ("--check -D", "", 1, "[{'a': '1'}] ['m.example.org']"),
        ("", "-l nobody,m*", 2, "[{'a': '2'}] ['m.example.org']"),
        ("-e a=x", "-e a=y", 2, "[{'a': 'y'}] ['m.example.org']"),
    ],
)
def test_an_inventory_is_read_once_ahead_of_time(
    first: str, later: str, times: int, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(SCRIPT.format(directory=tmp_path))
    path.chmod(0o755)
    done = in_a_process(AHEAD, tmp_path, first, later)
    assert done.stdout == f"{told}\n", done.stderr
    assert len((tmp_path / "times").read_text().splitlines()) == times


@pytest.mark.parametrize(
    ("options", "asks"),
    [
        ([], False),
        (["--vault-password-file", "plain"], False),
        (["--vault-id", "x@plain"], False),
        (["--vault-password-file", "program"], True),
        (["--vault-id", "x@program"], True),
        (["--vault-id", "x@prompt"], True),
        (["--ask-vault-pass"], True),
    ],
)
def test_where_somebody_may_be_asked_for_a_password_nothing_is_read_ahead_of_time(
    options: list[str], asks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, mode in (("plain", 0o600), ("program", 0o700)):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(mode)
    reading = Reading(["-i", "m.example.org,", *options], ahead=True)
    assert (reading._read is None) is asks


def test_what_is_wrong_is_told_once_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: [\n")
    done = in_a_process(AHEAD, tmp_path, "", "")
    assert "inventory.yml: line 2: " in done.stderr.splitlines()[-1]
    assert done.returncode == 1


def test_what_the_fork_reads_is_what_is_read_here(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(
        "monitor: {hosts: {m.example.org: {a: '{{ inventory_hostname }}', b: {c: [1, 2.5, x]}}}}\n"
        "workers: {hosts: {w1.example.org: {a: 2026-11-28, d: '{{ nothing }}'}, w2: {}}}\n"
    )
    options = ["-i", str(path), "-l", "w1*"]
    here = read(options, lambda directory: frozenset({"a", "b"}))
    assert [host.variables for host in here.hosts][:1] == [
        {"a": "m.example.org", "b": {"c": [1, 2.5, "x"]}}
    ]
    done = in_a_process(READ, tmp_path, "-l", "w1*")
    assert pickle.loads(bytes.fromhex(done.stdout)) == here, done.stderr


def test_what_cannot_be_read_is_told_as_where_it_is_read_here(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: {m.example.org: {a: '{{ b }}'}}}\n")
    done = in_a_process(READ, tmp_path)
    assert done.stdout.startswith("m.example.org: variable a: 'b' is undefined")
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: [\n")
    done = in_a_process(READ, tmp_path)
    assert done.stdout.startswith(f"{tmp_path}/inventory.yml: line 2: ")
    assert done.stdout.endswith("mend the file\n")
    assert done.stderr == ""


def test_options_that_ansible_refuses_end_the_command(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: {m.example.org: {}}}\n")
    done = in_a_process(READ, tmp_path, "--no-such-option")
    assert done.returncode == 2
    assert "unrecognized arguments: --no-such-option" in done.stderr


def test_what_is_wrong_with_a_catalog_is_told_by_who_asked(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("monitor: {hosts: {m.example.org: {}}}\n")
    done = in_a_process(READ.replace('frozenset({"a", "b"})', "{}[directory.name]"), tmp_path)
    assert f"KeyError: '{tmp_path.name}'" in done.stderr
    assert done.returncode == 1


def test_one_that_is_killed_while_it_reads_is_told() -> None:
    engine = Engine(shown=False, fork=True)
    os.kill(engine.process.pid, signal.SIGKILL)
    with pytest.raises(ProvisionError, match=r"was killed \(SIGKILL\)"):
        engine.read(["-i", "m.example.org,"], lambda directory: frozenset())
    engine.close()


def test_what_lies_beside_the_operator_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ansible.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    engine = Engine(shown=False)
    engine.run(["--version"], {}, {})
    assert engine.process.wait() == 0, engine.printed()
    engine.close()
