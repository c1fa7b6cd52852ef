from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.rehearsal import repository
from provision.rehearsal.packages import deb


@pytest.fixture
def published(tmp_path: Path) -> repository.Repository:
    made = [
        deb.pack(deb.Content(name, "1-1", "For a test.", {f"/usr/share/{name}": ""}), tmp_path)
        for name in ("telegraf", "influxdb2")
    ]
    return repository.publish(made, tmp_path / "apt", origin="InfluxData")


def release(published: repository.Repository) -> dict[str, str]:
    text = (published.directory / "dists/stable/Release").read_text()
    pairs = (line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return {pair[0]: pair[1] for pair in pairs}


def test_the_release_says_whose_it_is(published: repository.Repository) -> None:
    fields = release(published)
    assert fields["Origin"] == fields["Label"] == "InfluxData"
    assert fields["Suite"] == fields["Codename"] == "stable"
    assert fields["Components"] == "main"
    assert fields["Architectures"] == deb.architecture()


def test_it_lists_the_packages(published: repository.Repository) -> None:
    index = published.directory / f"dists/stable/main/binary-{deb.architecture()}/Packages"
    lines = index.read_text().splitlines()
    assert {"Package: telegraf", "Package: influxdb2"} <= set(lines)
    for line in lines:
        if line.startswith("Filename: "):
            assert (published.directory / line.removeprefix("Filename: ")).is_file()


def test_both_signatures_are_of_the_key_that_is_told(
    published: repository.Repository, tmp_path: Path
) -> None:
    keyring = tmp_path / "archive.gpg"
    assert published.key.read_text().startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    subprocess.run(
        ["gpg", "--homedir", tmp_path, "--dearmor", "--output", keyring, published.key], check=True
    )
    stable = published.directory / "dists/stable"
    for files in ([stable / "InRelease"], [stable / "Release.gpg", stable / "Release"]):
        command = ["gpgv", "--status-fd", "1", "--keyring", str(keyring), *map(str, files)]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        valid = next(line for line in result.stdout.splitlines() if " VALIDSIG " in line)
        assert valid.split()[-1] == published.fingerprint
    assert len(published.fingerprint) == 40
    (stable / "Release").write_text("Origin: someone else\n")
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_it_is_served_and_ends(published: repository.Repository) -> None:
    with repository.serve(published.directory, "127.0.0.1") as server:
        with urllib.request.urlopen(f"{server.url}/archive.key") as answer:
            assert answer.read() == published.key.read_bytes()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{server.url}/dists/")
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ProvisionError, match="can't be served"):
            repository.serve(published.directory, "127.0.0.1", port)
    assert not server.process.alive
    server.stop()


def test_a_given_package_is_not_changed(tmp_path: Path) -> None:
    given = deb.pack(deb.Content("x", "1", "For a test.", {"/usr/share/x": ""}), tmp_path)
    given.chmod(0o600)
    repository.publish([given], tmp_path / "apt")
    assert given.stat().st_mode & 0o777 == 0o600
