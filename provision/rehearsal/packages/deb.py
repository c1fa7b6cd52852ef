"""Debian packages: packing them, and reading what they say of themselves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import processes

MAINTAINER = "provision rehearsal <root@localhost>"


@dataclass(frozen=True)
class Content:
    """What a package holds.

    files maps absolute paths on the host to a file here or to text; those in executable become
    0755, the rest 0644. conffiles are paths that dpkg keeps if they were edited. scripts maps
    preinst, postinst, prerm and postrm to their text.
    """

    name: str
    version: str
    description: str
    files: Mapping[str, Path | str]
    executable: Sequence[str] = ()
    directories: Sequence[str] = ()
    conffiles: Sequence[str] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    relations: Mapping[str, str] = field(default_factory=dict)


def architecture() -> str:
    """dpkg's name of this machine's architecture, as amd64."""
    return processes.run("dpkg", "--print-architecture").stdout.strip()


def control(content: Content, architecture: str) -> str:
    """The text of the control file (deb-control(5))."""
    fields = {
        "Package": content.name,
        "Version": content.version,
        "Architecture": architecture,
        "Maintainer": MAINTAINER,
        "Section": "net",
        "Priority": "optional",
        **content.relations,
        "Description": content.description,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def pack(content: Content, directory: Path) -> Path:
    """Write the package into a directory, as <name>_<version>_<architecture>.deb."""
    machine = architecture()
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / f"{content.name}_{content.version}_{machine}.deb"
    with tempfile.TemporaryDirectory(dir=directory, prefix=".pack") as name:
        root = Path(name) / "root"
        _lay_out(content, root, machine)
        part = Path(name) / target.name
        # Uncompressed: it travels over a bridge of this machine, and is unpacked many times.
        processes.run("dpkg-deb", "--root-owner-group", "-Znone", "--build", root, part)
        part.replace(target)
    return target


def _lay_out(content: Content, root: Path, machine: str) -> None:
    for name in content.directories:
        (root / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for name, source in content.files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path):
            shutil.copyfile(source, path)
        else:
            path.write_text(source, encoding="utf-8")
        path.chmod(0o755 if name in content.executable else 0o644)
    about = root / "DEBIAN"
    about.mkdir(parents=True)
    (about / "control").write_text(control(content, machine), encoding="utf-8")
    if content.conffiles:
        (about / "conffiles").write_text("".join(f"{name}\n" for name in content.conffiles))
    for name, text in content.scripts.items():
        (about / name).write_text(text, encoding="utf-8")
        (about / name).chmod(0o755)
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def fields(path: Path) -> dict[str, str]:
    """Package, Version and Architecture of a .deb. Raises ProvisionError if it isn't one."""
    wanted = ("Package", "Version", "Architecture")
    result = processes.run("dpkg-deb", "--field", path, *wanted, check=False)
    if result.returncode != 0:
        raise ProvisionError(f"{path}: not a Debian package: {result.stderr.strip()}")
    found = {}
    for line in result.stdout.splitlines():
        name, _, value = line.partition(":")
        found[name] = value.strip()
    return found


def newer(version: str, other: str) -> bool:
    """Whether dpkg takes a version for newer than another."""
    result = processes.run("dpkg", "--compare-versions", version, "gt", other, check=False)
    return result.returncode == 0
