from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import trees
from comparing import differences, manifest, report, wanted
from comparing.report import Report, Seen

REPOSITORY = trees.repository("http://repo", "http://repo/key", "AA")


def fill(text: str, secrets: Any) -> str:
    for name, value in secrets.items():
        text = text.replace("{{ provision_secrets." + name + " }}", value)
    return text


@pytest.fixture
def worker(tmp_path: Path) -> manifest.Manifest:
    trees.worker(tmp_path, "w", repository=REPOSITORY, monitor="m")
    path = tmp_path / "w" / ".manifest.json"
    document = json.loads(path.read_text())
    document["repositories"] = []
    path.write_text(json.dumps(document))
    return manifest.load(tmp_path, "w")


TOKEN = {"influxdb_write_token_w1": "T"}


def as_wanted(of: manifest.Manifest, **more: Any) -> Report:
    """A report of a host that is as the manifest wants it."""
    files = wanted.wanted_files(of, TOKEN, fill)
    paths = {
        entry.path: Seen("f" if isinstance(entry, manifest.File) else "d", entry.mode, entry.owner,
                         entry.group)
        for entry in (*of.files, *of.directories)
    }  # fmt: skip
    services = {
        service.name: {
            "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
            "UnitFileState": "enabled",
        }
        for service in of.services
    }  # fmt: skip
    values: dict[str, Any] = {
        "paths": paths,
        "sums": {file.file.path: hashlib.sha256(file.content or b"").hexdigest() for file in files},
        "packages": {each.name: ("1.39.3-1", "install ok installed") for each in of.packages},
        "services": services,
        "state": (),
    }
    for key, value in more.items():
        values[key] = {**values[key], **value} if isinstance(values.get(key), dict) else value
    return Report(**values)


def found(of: manifest.Manifest, seen: Report, secrets: Any = TOKEN) -> list[tuple[str, str, str]]:
    files = wanted.wanted_files(of, secrets, fill)
    return [
        (each.kind, each.name, each.action) for each in differences.differences(of, files, seen)
    ]


def test_nothing_differs_where_all_is_as_wanted(worker: manifest.Manifest) -> None:
    assert found(worker, as_wanted(worker)) == []


def test_everything_differs_on_a_bare_host(worker: manifest.Manifest) -> None:
    entries = found(worker, report.read("@@ paths @@\n\n"))
    assert ("package", "telegraf", "install") in entries
    assert ("service", "telegraf", "start") in entries
    assert len([entry for entry in entries if entry[0] == "file"]) == len(worker.files)


def test_a_pushgateway_is_there_before_the_telegraf_that_reads_it(
    worker: manifest.Manifest,
) -> None:
    trees.add_pushgateway(worker.tree.parent, "w")
    of = manifest.load(worker.tree.parent, "w")
    files = wanted.wanted_files(of, TOKEN, fill)
    bare = differences.differences(of, files, report.read("@@ paths @@\n\n"))
    assert differences.roles_of(bare) == ["packages", "pushgateway", "telegraf"]
    fine = as_wanted(of).packages
    broken = {**fine, "prometheus-pushgateway": ("1.5.1-2", "install ok half-configured")}
    assert found(of, as_wanted(of, packages=broken)) == [
        ("package", "prometheus-pushgateway", "install"),
        ("service", "prometheus-pushgateway", "restart"),
    ]


def test_a_mode_and_a_content_and_a_secret(worker: manifest.Manifest) -> None:
    path = "/etc/default/telegraf"
    open_mode = as_wanted(worker, paths={path: Seen("f", "0644", "root", "root")})
    assert found(worker, open_mode) == [("file", path, "change")]
    other = as_wanted(worker, sums={path: "0" * 64})
    assert found(worker, other) == [("file", path, "change")]
    assert found(worker, as_wanted(worker), secrets={}) == [("file", path, "change")]


def test_a_link_in_place_of_a_file_is_no_file(worker: manifest.Manifest) -> None:
    path = "/etc/telegraf/telegraf.conf"
    seen = as_wanted(worker, paths={path: Seen("l", "0777", "root", "telegraf")})
    assert found(worker, seen) == [("file", path, "change")]


def test_strays_are_told_once_by_their_folder(worker: manifest.Manifest) -> None:
    root = "/etc/telegraf/telegraf.d"
    names = ["old.conf", "old", "old/a", "old/b"]
    strays = {f"{root}/{name}": Seen("f", "0644", "root", "root") for name in names}
    seen = as_wanted(worker, paths=strays)
    assert f"{root}/statsd.conf" in seen.paths
    assert found(worker, seen) == [
        ("absent", f"{root}/old", "remove"),
        ("absent", f"{root}/old.conf", "remove"),
    ]


def test_an_unfinished_swap_needs_a_restart(worker: manifest.Manifest) -> None:
    seen = as_wanted(worker, paths={"/run/provision/telegraf": Seen("d", "0700", "root", "root")})
    assert found(worker, seen) == [("service", "telegraf", "restart")]


@pytest.mark.parametrize(
    ("state", "action"),
    [({"ActiveState": "failed"}, "start"), ({"ActiveState": "activating"}, "start"),
     ({"UnitFileState": "disabled"}, "enable"), ({"LoadState": "not-found"}, "start")],
)  # fmt: skip
def test_services(worker: manifest.Manifest, state: dict[str, str], action: str) -> None:
    fine = as_wanted(worker).services["telegraf"]
    seen = as_wanted(worker, services={"telegraf": {**fine, **state}})
    assert found(worker, seen) == [("service", "telegraf", action)]


@pytest.mark.parametrize(
    ("status", "action"),
    [("deinstall ok config-files", "install"), ("install ok half-configured", "install"),
     ("hold ok installed", None)],
)  # fmt: skip
def test_packages(worker: manifest.Manifest, status: str, action: str | None) -> None:
    seen = as_wanted(worker, packages={"telegraf": ("1.39.3-1", status)})
    expected = [("package", "telegraf", action)] if action else []
    if "half" in status:
        # What runs may be the program of before.
        expected.append(("service", "telegraf", "restart"))
    assert found(worker, seen) == expected


def test_a_service_that_refuses_blocks_only_while_it_runs(tmp_path: Path) -> None:
    trees.monitor(tmp_path, "m", repository=REPOSITORY)
    monitor = manifest.load(tmp_path, "m")
    refused = ({"problem": "No.", "remedy": "do it"},)
    keyring = {"/etc/apt/keyrings/influxdata.gpg": Seen("f", "0644", "root", "root")}
    with pytest.raises(differences.BlockingState, match="No"):
        found(monitor, as_wanted(monitor, state=refused, paths=keyring))
    idle = {"influxdb": {"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead"}}
    entries = found(monitor, as_wanted(monitor, state=refused, services=idle))
    assert ("state", "token influxdb_write_token_w1", "check") in entries
    absent = {"influxdb": {"LoadState": "not-found"}}
    entries = found(monitor, as_wanted(monitor, state=refused, services=absent, paths=keyring))
    assert ("state", "token influxdb_write_token_w1", "create") in entries


def test_no_diff_holds_a_secret(worker: manifest.Manifest) -> None:
    files = wanted.wanted_files(worker, {"influxdb_write_token_w1": "SECRET-VALUE"}, fill)
    seen = report.read("@@ paths @@\n\n")
    all_of_it = differences.differences(worker, files, seen)
    shown = json.dumps(differences.diff_texts(all_of_it, files, {}))
    assert "SECRET-VALUE" not in shown
    assert "(secret, new)" in shown
    assert "package telegraf: install" in shown


def test_a_manifest_that_is_not_to_the_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(manifest.ManifestError, match="Nothing is rendered for h"):
        manifest.load(tmp_path, "h")
    trees.write(tmp_path, "h", {"files": [{"path": "/x"}], "absent": [{"role": "x", "path": "/"}],
                                "colour": "red"}, {})  # fmt: skip
    with pytest.raises(manifest.ManifestError) as error:
        manifest.load(tmp_path, "h")
    for told in ("unknown key colour", "files[0]", "unknown role x"):
        assert told in error.value.message


@pytest.mark.parametrize(
    ("running", "written", "hangs"),
    [(1000, 5, False), (1000, 100, True), (1000, None, True), (50, None, False), (50, 999, False)],
)
def test_a_service_without_a_sign_of_life_is_restarted(
    worker: manifest.Manifest, running: int, written: float | None, hangs: bool
) -> None:
    service = dataclasses.replace(
        worker.services[0], alive={"path": "/run/telegraf/alive", "seconds": 60}
    )
    of = dataclasses.replace(worker, services=(service,))
    seen = as_wanted(
        of,
        services={
            "telegraf": {
                "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled",
                "ActiveEnterTimestampMonotonic": str((5000 - running) * 10**6),
            }
        },
        paths={} if written is None else {
            "/run/telegraf/alive": Seen("f", "0644", "telegraf", "telegraf", 10**9 - written)
        },
        clock=10**9,
        uptime=5000.0,
    )  # fmt: skip
    assert found(of, seen) == ([("service", "telegraf", "restart")] if hangs else [])
    # With files that are not in place it may not be able to give one, and is restarted anyway.
    other = dataclasses.replace(seen, sums={})
    assert ("service", "telegraf", "restart") not in found(of, other)


RULES = "    udp dport 8125 drop\n    tcp dport 8125 drop\n"
KEPT_OUT = frozenset({"udp dport 8125 drop", "tcp dport 8125 drop"})


@pytest.fixture
def guarded(worker: manifest.Manifest) -> manifest.Manifest:
    """A host whose Telegraf has rules of who may send to it."""
    path = "/etc/provision/telegraf.nft"
    worker.source(path).parent.mkdir(parents=True)
    worker.source(path).write_text(RULES)
    rules = manifest.File("telegraf", path, "root", "root", "0644", False)
    return dataclasses.replace(worker, files=(*worker.files, rules))


def test_where_rules_cannot_be_seen_nobody_is_said_to_have_dropped_them(
    guarded: manifest.Manifest,
) -> None:
    files = wanted.wanted_files(guarded, TOKEN, fill)
    (told,) = differences.differences(guarded, files, as_wanted(guarded, rules={}))
    assert told.why == "whether they are there cannot be seen, as there is no /usr/sbin/nft"


@pytest.mark.parametrize("drops", [[], ["udp dport 8125 drop"]])
def test_rules_that_others_have_dropped_are_loaded_again(
    guarded: manifest.Manifest, drops: list[str]
) -> None:
    seen = {"telegraf": frozenset(drops)}
    assert found(guarded, as_wanted(guarded, rules={"telegraf": KEPT_OUT})) == []
    more = {"telegraf": KEPT_OUT | {"udp dport 9 drop"}}
    assert found(guarded, as_wanted(guarded, rules=more)) == []
    assert found(guarded, as_wanted(guarded, rules=seen)) == [("rules", "telegraf", "load")]


def test_what_is_started_or_has_new_rules_loads_them_by_that(guarded: manifest.Manifest) -> None:
    stopped = {"telegraf": {"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead",
                            "UnitFileState": "enabled"}}  # fmt: skip
    assert found(guarded, as_wanted(guarded, services=stopped)) == [
        ("service", "telegraf", "start")
    ]
    changed = as_wanted(guarded, sums={"/etc/provision/telegraf.nft": "another"})
    assert found(guarded, changed) == [("file", "/etc/provision/telegraf.nft", "change")]
    mode = {"/etc/provision/telegraf.nft": Seen("f", "0600", "root", "root")}
    assert found(guarded, as_wanted(guarded, paths=mode)) == [
        ("file", "/etc/provision/telegraf.nft", "change"),
        ("rules", "telegraf", "load"),
    ]


def test_one_that_does_not_start_with_the_host_is_guarded_as_well(
    guarded: manifest.Manifest,
) -> None:
    disabled = {"telegraf": {"LoadState": "loaded", "ActiveState": "active", "SubState": "running",
                             "UnitFileState": "disabled"}}  # fmt: skip
    told = found(guarded, as_wanted(guarded, services=disabled))
    assert told == [("service", "telegraf", "enable"), ("rules", "telegraf", "load")]
