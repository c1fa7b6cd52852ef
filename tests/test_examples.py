"""The programs of docs/examples that need no host; what needs some is in tests/e2e."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from provision.fleet.reading import read_fleet

EXAMPLES = Path(__file__).parents[1] / "docs/examples"
MACHINES = [
    {"name": "m", "address": "192.0.2.1", "role": "monitoring"},
    {"name": "w1", "address": "192.0.2.2", "role": "application", "apps": ["realm"]},
    {"name": "w2", "address": "192.0.2.3", "role": "application"},
]


def machines(tmp_path: Path, content: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inventory of a list of machines."""
    (tmp_path / "list.json").write_text(json.dumps(content))
    monkeypatch.setenv("MACHINES_URL", (tmp_path / "list.json").as_uri())
    return EXAMPLES / "inventory"


def test_a_list_of_machines_is_an_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = read_fleet(["-i", str(machines(tmp_path, MACHINES, monkeypatch))]).site
    assert (site.monitor.name, site.influxdb_url) == ("m", "http://192.0.2.1:8086")
    # Of a machine on which nothing runs that has a catalog only itself is watched.
    assert {host.name: host.settings.apps for host in site.workers} == {
        "w1": ("realm",),
        "w2": ("host",),
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"machines": MACHINES}, "a list of machines was expected, and this is a JSON dict"),
        ([*MACHINES, MACHINES[0]], "there are two machines m"),
        ([MACHINES[0] | {"address": None}], "not a machine with name, address and role"),
        (["m"], "not a machine with name, address and role: 'm'"),
    ],
)
def test_what_is_no_list_of_machines_is_told(
    content: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = machines(tmp_path, content, monkeypatch)
    done = subprocess.run([inventory / "1-machines"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and said in done.stderr
    assert (tmp_path / "list.json").as_uri() in done.stderr


def test_publish_says_what_it_takes(tmp_path: Path) -> None:
    publish = EXAMPLES / "pull/publish"
    done = subprocess.run([publish, "a", "b"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: publish INVENTORY FOLDER KEY\n")
    words = [publish, "inventory.yml", tmp_path, "key"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    assert (done.returncode, done.stderr) == (1, "provision is not on PATH\n")
