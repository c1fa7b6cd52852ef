"""The commands are really run, by /bin/sh on this machine."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from comparing import report, script, standing
from comparing.manifest import Manifest, Package, Service

KEPT = json.dumps({"roles": {"telegraf": {"changed": 7, "by": "a@b"}}})
OUTPUT = f"""\
@@ packages @@
telegraf\t1.39.3-1\tinstall ok installed
influxdb\t1.6\tdeinstall ok config-files
@@ uptime @@
5000.25 9000.1
@@ record @@
{base64.b64encode(KEPT.encode()).decode()}
@@ free @@
Filesystem 1024-blocks Used Available Capacity Mounted on
/dev/x 100 40 60 40% /
@@ standing @@
Id=telegraf.service
ActiveState=active
NRestarts=3
MainPID=41
ActiveEnterTimestampMonotonic=2000000000

Id=influxdb.service
ActiveState=failed
NRestarts=0
MainPID=0
ActiveEnterTimestampMonotonic=0
@@ programs @@
41 /usr/bin/telegraf (deleted)
0
@@ data @@
12\t/var/lib/telegraf
"""


def manifest(*roles: str) -> Manifest:
    empty: tuple[()] = ()
    return Manifest(
        host="h",
        tree=Path(),
        repositories=empty,
        packages=tuple(Package(role, role, None, None, ()) for role in roles),
        directories=empty,
        files=empty,
        absent=empty,
        services=tuple(Service(role, role, (), None, {}) for role in roles),
        state=empty,
    )


def test_what_a_host_says_is_read() -> None:
    wanted = manifest("telegraf", "influxdb")
    seen = standing.read(wanted, report.read(OUTPUT), OUTPUT)
    telegraf, influxdb = seen["services"]
    assert telegraf == {
        "name": "telegraf",
        "package": "telegraf",
        "version": "1.39.3-1",
        "state": "active",
        "seconds": 3000,
        "restarts": 3,
        "outdated": True,
    }
    assert (influxdb["version"], influxdb["state"]) == ("", "failed")
    assert (influxdb["seconds"], influxdb["outdated"]) == (None, False)
    assert seen["changed"] == {"telegraf": {"changed": 7, "by": "a@b"}}
    assert (seen["data"], seen["free"]) == ({"/var/lib/telegraf": 12288}, 61440)


def test_a_host_that_says_nothing_breaks_nothing() -> None:
    for output in ("", "@@ record @@\nnonsense\n@@ free @@\n\n@@ uptime @@\n"):
        seen = standing.read(manifest("telegraf"), report.read(output), output)
        assert seen["services"][0]["state"] == "inactive"
        assert (seen["changed"], seen["data"], seen["free"]) == ({}, {}, None)


def test_the_commands_run_anywhere(tmp_path: Path) -> None:
    wanted = manifest("telegraf")
    text = script.compare_script(wanted, (), standing.commands(wanted))
    done = subprocess.run(["/bin/sh"], input=text, capture_output=True, text=True, cwd=tmp_path)
    seen = standing.read(wanted, report.read(done.stdout), done.stdout)
    assert seen["free"] > 0
    assert [each["name"] for each in seen["services"]] == ["telegraf"]
    assert list(tmp_path.iterdir()) == []
