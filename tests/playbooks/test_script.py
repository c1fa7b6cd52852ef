"""The scripts are really run, by /bin/sh on this machine."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest
from ansible.module_utils.provision import letting_in
from comparing import report, script
from comparing.manifest import Absent, Directory, File, Manifest, Repository, Service

NASTY = ["plain", "with space", "quote'quote", 'double"quote', "new\nline", "$(touch pwned)", "-n",
         "back\\slash", "ünïcode", "@@ paths @@", "a\n@@ sums @@\nb", "`id`", "*"]  # fmt: skip


def sh(text: str, cwd: Path) -> str:
    done = subprocess.run(["/bin/sh"], input=text.encode(), capture_output=True, cwd=cwd)
    assert done.returncode == 0
    return done.stdout.decode("utf-8", "surrogateescape")


def manifest(tmp_path: Path, names: list[str], **more: object) -> Manifest:
    owner = pwd.getpwuid(os.getuid()).pw_name
    files = tuple(
        File("telegraf", f"{tmp_path}/{name}", owner, "root", "0644", False) for name in names
    )
    empty: dict[str, object] = dict.fromkeys(
        ("repositories", "packages", "directories", "absent", "services", "state"), ()
    )
    return Manifest(**{"host": "h", "tree": tmp_path, "files": files, **empty, **more})


def test_reports_files_of_any_name(tmp_path: Path) -> None:
    for name in NASTY:
        (tmp_path / name).write_text(f"content of {name}")
        (tmp_path / name).chmod(0o640)
    asked = manifest(tmp_path, [*NASTY, "missing"])
    seen = report.read(sh(script.compare_script(asked), tmp_path))
    assert set(seen.paths) == {f"{tmp_path}/{name}" for name in NASTY}
    for name in NASTY:
        path = f"{tmp_path}/{name}"
        assert seen.sums[path] == hashlib.sha256(f"content of {name}".encode()).hexdigest()
        group = grp.getgrgid(os.getgid()).gr_name
        assert seen.paths[path] == report.Seen(
            "f", "0640", pwd.getpwuid(os.getuid()).pw_name, group
        )
    assert not (tmp_path / "pwned").exists()


def test_reports_what_is_in_exclusive_directories_and_what_must_not_be(tmp_path: Path) -> None:
    (tmp_path / "d" / "sub dir").mkdir(parents=True)
    (tmp_path / "d" / "sub dir" / "new\nline").touch()
    (tmp_path / "old").symlink_to("nowhere")
    asked = manifest(
        tmp_path,
        [],
        directories=(Directory("telegraf", f"{tmp_path}/d", "root", "root", "0755", True),),
        absent=(Absent("telegraf", f"{tmp_path}/old"), Absent("telegraf", f"{tmp_path}/gone")),
    )
    seen = report.read(sh(script.compare_script(asked), tmp_path))
    inside = {f"{tmp_path}/d", f"{tmp_path}/d/sub dir", f"{tmp_path}/d/sub dir/new\nline"}
    assert set(seen.paths) == {*inside, f"{tmp_path}/old"}
    assert seen.paths[f"{tmp_path}/old"].kind == "l"
    assert f"{tmp_path}/gone" not in seen.paths


@pytest.mark.parametrize("name", ["d", "d*", "d?", "[d]", "d[", "d\\", "new\nline"])
def test_only_exclusive_directories_are_looked_into(tmp_path: Path, name: str) -> None:
    names = [name, "d1", f"{name}x", "dd"]
    for each in names:
        (tmp_path / each).mkdir()
        (tmp_path / each / "in it").touch()
    directories = tuple(
        Directory("telegraf", f"{tmp_path}/{each}", "root", "root", "0755", each == name)
        for each in names
    )
    asked = manifest(tmp_path, [], directories=directories)
    seen = report.read(sh(script.compare_script(asked), tmp_path))
    assert set(seen.paths) == {
        *(f"{tmp_path}/{each}" for each in names),
        f"{tmp_path}/{name}/in it",
    }


def test_reports_how_long_ago_a_file_was_written(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    path.touch()
    os.utime(path, (0, time.time() - 100))
    alive = {"path": str(path), "seconds": 60}
    service = Service("telegraf", "telegraf", (), None, {}, alive=alive)
    asked = manifest(tmp_path, [], services=(service,))
    seen = report.read(sh(script.compare_script(asked), tmp_path))
    assert seen.age(str(path)) == pytest.approx(100, abs=5)
    assert seen.age(str(tmp_path / "none")) is None
    assert seen.uptime == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=5)


def test_reports_keyrings(tmp_path: Path) -> None:
    (tmp_path / "key ring").write_bytes(bytes(range(256)))
    asked = manifest(
        tmp_path,
        [],
        repositories=(
            Repository("a", "u", "k", "F", f"{tmp_path}/missing"),
            Repository("b", "u", "k", "F", f"{tmp_path}/key ring"),
        ),
    )
    seen = report.read(sh(script.compare_script(asked), tmp_path))
    assert seen.keyrings == {0: b"", 1: bytes(range(256))}


def test_runs_the_state_check_in_the_hosts_python(tmp_path: Path) -> None:
    entry: dict[str, object] = {"role": "grafana", "url": "http://127.0.0.1:9"}
    entry |= {"username": "admin", "secret": "s", "alerting": {"rules": [], "contacts": []}}
    entry |= {"key": "k", "environment": "/none", "configuration": "/none"}
    secret = 'it\'s a "secret" $(touch pwned) `x` \\ END_OF_PROGRAM\nEND_OF_PROGRAM\n'
    asked = manifest(tmp_path, [])
    text = script.compare_script(asked, [{"entry": entry, "secrets": {"s": secret}, "renew": []}])
    seen = report.read(sh(text, tmp_path))
    assert seen.state is not None
    assert seen.state[0]["problem"].startswith(
        "Nothing answers at http://127.0.0.1:9/api/v1/provisioning/alert-rules"
    )
    assert not (tmp_path / "pwned").exists()


def test_preflight_says_what_the_host_is_and_gives_old_texts(tmp_path: Path) -> None:
    (tmp_path / "o'ld").write_text("old\ntext\n")
    seen = report.read_preflight(
        sh(script.preflight_script([1], [f"{tmp_path}/none", f"{tmp_path}/o'ld"]), tmp_path)
    )
    assert seen.texts == {0: "", 1: "old\ntext\n"}
    assert seen.user == str(os.geteuid())
    assert seen.python and seen.architecture
    assert set(seen.free) == {"/", "/var", "/run", "/tmp"}
    assert all(room.writable and room.kib for room in seen.free.values())


def test_what_rules_keep_out_is_asked_of_units_that_have_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nft").write_text(
        '#!/bin/sh\n[ "$*" = "list table inet provision_a_b" ] || exit 1\n'
        "printf 'table inet x {\\n\\tchain input {\\n\\t\\tudp dport 1 drop\\n\\t}\\n}\\n'\n"
    )
    (tmp_path / "nft").chmod(0o755)
    monkeypatch.setattr(letting_in, "NFT", str(tmp_path / "nft"))
    rules = [File("t", f"/etc/provision/{name}.nft", "root", "root", "0644", False)
             for name in ("a-b", "lost", "strange")]  # fmt: skip
    services = tuple(Service("t", name, (), None) for name in ("a-b", "lost", "free"))
    asked = manifest(tmp_path, [], files=tuple(rules), services=services)
    seen = report.read(sh(script.compare_script(asked), tmp_path))
    assert seen.rules == {"a-b": {"udp dport 1 drop"}, "lost": set()}
    (tmp_path / "nft").unlink()
    assert report.read(sh(script.compare_script(asked), tmp_path)).rules == {}


def test_what_only_packages_depend_on_is_not_asked_without_any(tmp_path: Path) -> None:
    seen = report.read_preflight(sh(script.preflight_script([], [], packages=False), tmp_path))
    assert seen.user and not seen.architecture


def test_who_listens_and_how_much_room_there_is_where_a_file_will_be(
    tmp_path: Path, full: Path
) -> None:
    new = full / "not yet/nor this"
    places = [str(new), str(tmp_path / "it's here"), "/proc/none"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        seen = report.read_preflight(sh(script.preflight_script([port], [], places), tmp_path))
        groups = Path("/proc/self/cgroup").read_text()
    (mine,) = seen.listeners
    assert (mine.protocol, mine.address, mine.port) == ("tcp", "127.0.0.1", port)
    units = re.findall(r"/([^/\s]+)\.service(?=[/\s]|$)", groups)
    assert mine.program and mine.unit == (units[-1] if units else "")
    small = os.statvfs(full)
    assert seen.free[str(new)].kib == small.f_bavail * small.f_bsize // 1024 < 64
    assert seen.free[str(new)].inodes == small.f_ffree
    assert "/proc/none" in seen.free and set(script.SPACE) < seen.free.keys()


def test_a_list_of_files_that_is_cut_off_is_none(tmp_path: Path) -> None:
    """As where the host kills find, and not the shell."""
    (tmp_path / "a").write_text("a")
    text = script.compare_script(manifest(tmp_path, ["a", "b"]))
    for find in ("exit 137", "printf 'f\\0640\\0root\\0ro'; exit 137"):
        (tmp_path / "find").write_text(f"#!/bin/sh\n{find}\n")
        (tmp_path / "find").chmod(0o755)
        said = sh(text.replace("main() {", f"main() {{ PATH={tmp_path}:$PATH"), tmp_path)
        assert report.is_whole(said)
        with pytest.raises(report.CutOff):
            report.read(said)


def test_an_answer_that_is_cut_off_is_not_whole(tmp_path: Path) -> None:
    for text in (
        script.compare_script(manifest(tmp_path, NASTY)),
        script.preflight_script([1], [f"{tmp_path}/none"]),
    ):
        said = sh(text, tmp_path)
        assert report.is_whole(said)
        assert not report.is_whole(said[: said.rindex("@@ end")])


@pytest.mark.parametrize("banner", ["", "Welcome!\n* news *\n"])
def test_ignores_what_a_login_prints_before(banner: str) -> None:
    assert report.read(banner + "@@ packages @@\na\t1\tinstall ok installed\n\n").packages == {
        "a": ("1", "install ok installed")
    }


def test_reads_services_and_listeners() -> None:
    services = report.read(
        "@@ services @@\nId=telegraf.service\nActiveState=active\n\n"
        "Id=influxdb.service\nActiveState=failed\n\n"
    ).services
    assert services["influxdb"]["ActiveState"] == "failed"
    assert services["telegraf"]["ActiveState"] == "active"
    listeners = report.read_preflight(
        "@@ listeners @@\n"
        'udp UNCONN 0 0 127.0.0.1:8125 0.0.0.0:* users:(("a b",pid=12,fd=3))\n'
        'tcp LISTEN 0 4096 [::1]%lo:8086 [::]:* users:(("influxd",pid=13,fd=4))\n'
        "tcp LISTEN 0 4096 *:3000 *:*\n\n"
        "@@ units @@\n12 0::/system.slice/statsd.service\n"
        "13 12:cpu:/x/system.slice/influxdb.service 0::/system.slice/influxdb.service\n\n"
    ).listeners
    assert listeners == (
        report.Listener("udp", "127.0.0.1", 8125, "a b", "statsd"),
        report.Listener("tcp", "::1", 8086, "influxd", "influxdb"),
        report.Listener("tcp", "*", 3000, "", ""),
    )
