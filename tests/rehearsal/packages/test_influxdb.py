from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import processes
from provision.rehearsal.packages import deb, influxdb


def test_the_package_is_laid_out_as_upstreams(tmp_path: Path) -> None:
    packaging = tmp_path / ".circleci/packages/influxdb2"
    for name in (
        "fs/lib/systemd/system/influxdb.service",
        "fs/usr/lib/influxdb/scripts/influxd-systemd-start.sh",
        "fs/etc/logrotate.d/influxdb",
        "fs/var/lib/influxdb/.gitkeep",
        "control/pre-install",
        "control/post-install",
        "control/post-uninstall",
    ):
        (packaging / name).parent.mkdir(parents=True, exist_ok=True)
        (packaging / name).write_text(f"{name}\n")
    (tmp_path / "LICENSE").write_text("MIT\n")
    program = tmp_path / "influxd"
    program.write_text("")
    content = influxdb.content(tmp_path, program)
    assert sorted(content.files) == [
        "/etc/logrotate.d/influxdb",
        "/lib/systemd/system/influxdb.service",
        "/usr/bin/influxd",
        "/usr/lib/influxdb/scripts/influxd-systemd-start.sh",
        "/usr/share/influxdb/LICENSE",
    ]
    assert "/usr/lib/influxdb/scripts/influxd-systemd-start.sh" in content.executable
    assert content.scripts["postrm"] == "control/post-uninstall\n"
    control = deb.control(content, "amd64")
    assert "Conflicts: influxdb\n" in control and "Depends: curl\n" in control
    assert deb.fields(deb.pack(content, tmp_path))["Package"] == "influxdb2"


def test_missing_compilers_are_told_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "find", lambda program: None)
    with pytest.raises(ProvisionError) as caught:
        influxdb._check_compilers()
    assert "cargo" in caught.value.message
    assert caught.value.remedy and caught.value.remedy.startswith("apt-get install cargo gcc")


def test_a_rust_that_is_too_old_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "cargo"
    old.write_text("#!/bin/sh\necho 'cargo 1.65.0'\n")
    old.chmod(0o755)
    monkeypatch.setattr(processes, "find", lambda program: f"/usr/bin/{program}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProvisionError, match=r"not cargo 1\.65\.0"):
        influxdb._check_compilers()
