from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal.packages import deb


def example(program: Path | str = "#!/bin/sh\n") -> deb.Content:
    return deb.Content(
        name="example",
        version="1.2-1",
        description="An example.",
        files={"/usr/bin/example": program, "/etc/example.conf": "a = 1\n"},
        executable=("/usr/bin/example",),
        directories=("/var/lib/example",),
        conffiles=("/etc/example.conf",),
        scripts={"postinst": "#!/bin/sh\nexit 0\n"},
        relations={"Depends": "curl", "Conflicts": "other", "Recommends": ""},
    )


def test_the_control_file() -> None:
    assert deb.control(example(), "amd64") == (
        "Package: example\nVersion: 1.2-1\nArchitecture: amd64\n"
        f"Maintainer: {deb.MAINTAINER}\nSection: net\nPriority: optional\n"
        "Depends: curl\nConflicts: other\nDescription: An example.\n"
    )


def test_a_packed_package_holds_what_it_should(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o600)
    path = deb.pack(example(program), tmp_path / "out")
    assert path.name == f"example_1.2-1_{deb.architecture()}.deb"
    assert [p.name for p in path.parent.iterdir()] == [path.name], "nothing half is left"
    listing = subprocess.run(
        ["dpkg-deb", "--contents", path], capture_output=True, text=True, check=True
    ).stdout
    modes = {line.split()[-1]: tuple(line.split()[:2]) for line in listing.splitlines()}
    assert modes["./usr/bin/example"] == ("-rwxr-xr-x", "root/root")
    assert modes["./etc/example.conf"] == ("-rw-r--r--", "root/root")
    assert modes["./var/lib/example/"] == ("drwxr-xr-x", "root/root")
    subprocess.run(["dpkg-deb", "--control", path, tmp_path / "control"], check=True)
    assert (tmp_path / "control" / "conffiles").read_text() == "/etc/example.conf\n"
    assert (tmp_path / "control" / "postinst").stat().st_mode & 0o777 == 0o755


def test_the_fields_of_a_package(tmp_path: Path) -> None:
    path = deb.pack(example(), tmp_path)
    assert deb.fields(path) == {
        "Package": "example",
        "Version": "1.2-1",
        "Architecture": deb.architecture(),
    }
    broken = tmp_path / "broken.deb"
    broken.write_text("not a package")
    with pytest.raises(ProvisionError, match="not a Debian package"):
        deb.fields(broken)


def test_versions_compare_as_dpkg_compares_them() -> None:
    assert deb.newer("1.10-1", "1.9-1")
    assert not deb.newer("1.9~rc1-1", "1.9-1")
    assert not deb.newer("1.9-1", "1.9-1")
