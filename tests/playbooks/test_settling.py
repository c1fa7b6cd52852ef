"""What a host says of the secrets that its services run with."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
import trees
from comparing import effects, manifest, settling, wanted

REPOSITORY = trees.repository("http://r", "http://r/key", "0" * 40)
TOKEN = {"influxdb_write_token_w1": "T"}


@pytest.fixture
def worker(tmp_path: Path) -> manifest.Manifest:
    trees.worker(tmp_path, "w", repository=REPOSITORY, monitor="m")
    return manifest.load(tmp_path, "w")


def fill(text: str, secrets: object) -> str:
    return text.replace("{{ provision_secrets.influxdb_write_token_w1 }}", "T")


def says(of: manifest.Manifest, **changes: str) -> tuple[float, str]:
    """The judgement of a host that is as wanted but for changes: start, or a file's line."""
    files = wanted.wanted_files(of, TOKEN, fill)
    lines = {"start": "start active 100"}
    for each in files:
        if each.file.role == "telegraf":
            digest = hashlib.sha256(each.content or b"").hexdigest()
            lines[each.file.path] = f"file {digest} 90 {each.file.path}"
    still = effects.polled(settling.roles(of), {})
    return settling.since(of, files, "\n".join({**lines, **changes}.values()) + "\n", still)


def test_a_host_that_was_started_with_what_it_has(worker: manifest.Manifest) -> None:
    assert says(worker) == (101, "")


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("start", "start inactive 0"),
        ("start", "start active 80"),
        ("start", "unfinished\nstart active 100"),
        ("start", ""),
        ("/etc/default/telegraf", f"file {'0' * 64} 90 /etc/default/telegraf"),
        ("/etc/default/telegraf", ""),
        ("/etc/default/telegraf", "file   /etc/default/telegraf"),
    ],
)
def test_a_host_that_does_not_work_with_it_yet(
    worker: manifest.Manifest, what: str, line: str
) -> None:
    since, why = says(worker, **{what: line})
    assert since == 0 and why


def test_what_is_read_anew_counts_from_when_it_was_written(worker: manifest.Manifest) -> None:
    path = "/etc/telegraf/credentials/influxdb"
    texts = {path: "{{ provision_secrets.influxdb_write_token_w1 }}"}
    trees.add_files(worker.tree.parent, "w", texts)
    of = manifest.load(worker.tree.parent, "w")
    digest = hashlib.sha256(b"T").hexdigest()
    assert says(of, **{path: f"file {digest} 200 {path}"}) == (201, "")
    assert says(of, **{path: f"file {'0' * 64} 200 {path}"})[0] == 0


def test_inputs_are_taken_up_without_a_start(worker: manifest.Manifest) -> None:
    """A run that ended before that was seen is not finished, which is told apart."""
    inputs, other = "/etc/telegraf/telegraf.d/inputs.conf", "/etc/telegraf/telegraf.d/output.conf"
    trees.add_files(worker.tree.parent, "w", {inputs: "x"})
    of = manifest.load(worker.tree.parent, "w")
    (written,) = [each for each in wanted.wanted_files(of, TOKEN, fill) if each.file.path == inputs]
    assert says(of, **{inputs: f"file {written.digest} 200 {inputs}"}) == (201, "")
    (conf,) = [each for each in wanted.wanted_files(of, TOKEN, fill) if each.file.path == other]
    late = says(of, **{other: f"file {conf.digest} 200 {other}"})
    assert late == (0, "a service was started before its files were written")


def test_the_script_runs_where_nothing_is_there(worker: manifest.Manifest) -> None:
    text = settling.script(worker)
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True)
    files = wanted.wanted_files(worker, TOKEN, fill)
    assert settling.since(worker, files, done.stdout, {})[0] == 0
