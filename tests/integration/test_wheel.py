"""The package as it is installed: templates, playbooks and catalogs are inside, and found."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = """\
monitor:
  hosts:
    monitor.example.com:
      ansible_connection: local
      ansible_become: false
      influxdb_url: http://192.0.2.1:8086
workers:
  hosts:
    worker.example.com: {ansible_host: 127.0.0.1, ansible_port: 9}
  vars:
    apps: [realm]
"""


def run(*argv: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Without any trace of the checkout in the environment."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env={**environment, "HOME": str(cwd), "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def pip(*words: str | Path, cwd: Path) -> None:
    """Build with the backend of this environment where it has one; pip fetches it otherwise."""
    known = importlib.util.find_spec("hatchling") is not None
    done = run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", *words),
        *("--quiet", "--no-deps", *(["--no-build-isolation"] if known else [])),
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", ROOT, "--wheel-dir", directory, cwd=directory)
    (made,) = directory.glob("provision-*.whl")
    return made


@pytest.fixture(scope="module", params=["wheel", "pip install ."])
def provision(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The console command in an environment of its own; only its dependencies are borrowed."""
    directory = tmp_path_factory.mktemp("installed")
    venv.create(directory, with_pip=False)
    (packages,) = directory.glob("lib/python3*/site-packages")
    # Editable packages are not found this way: their .pth files count only where they belong.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    source = wheel if request.param == "wheel" else ROOT
    pip("--python", directory / "bin" / "python", "install", source, cwd=directory)
    code = "import provision; print(provision.__file__)"
    where = run(directory / "bin" / "python", "-c", code, cwd=directory).stdout
    assert where.startswith(str(packages))
    return directory / "bin" / "provision"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    return tmp_path


def test_everything_travels_inside(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    listed = run("git", "ls-files", "templates", "playbooks", "dashboards", cwd=ROOT)
    if listed.returncode == 0:
        assert {f"provision/_data/{name}" for name in listed.stdout.split()} <= inside
    assert "provision/catalogs/realm.yaml" in inside
    assert "provision/_data/playbooks/site.yml" in inside
    assert "provision/_data/templates/telegraf/etc/telegraf/telegraf.conf.j2" in inside
    assert not any(".pyc" in name or name.startswith("tests/") for name in inside)
    assert any(name.endswith("licenses/LICENSE") for name in inside)


def test_it_renders_from_an_unrelated_directory(provision: Path, site: Path) -> None:
    done = run(provision, "render", "-i", site / "inventory.yml", "--output", "tree", cwd=site)
    assert done.returncode == 0, done.stderr
    text = (site / "tree/worker.example.com/etc/telegraf/telegraf.d/output.conf").read_text()
    assert 'urls = ["http://192.0.2.1:8086"]' in text


def test_it_finds_its_playbooks_and_plugins(provision: Path, site: Path) -> None:
    """Without hosts: one is this machine, looked at and not changed, the other is not there."""
    done = run(provision, "up", "--check", "--diff", cwd=site)
    assert done.returncode in (0, 1), done.stderr
    assert "worker.example.com  cannot be reached" in done.stdout
    assert "create file /etc/influxdb/config.toml" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (site / "secrets.yml").exists()


def test_what_needs_no_site_works_too(provision: Path, tmp_path: Path) -> None:
    assert run(provision, "--version", cwd=tmp_path).returncode == 0
    assert "realm" in run(provision, "catalog", "list", cwd=tmp_path).stdout
    assert run(provision, "init", cwd=tmp_path).returncode == 0
    assert (tmp_path / "inventory.yml").is_file()
    assert run(provision, "dashboards", "generate", cwd=tmp_path).returncode == 0
    generated = (tmp_path / "dashboards" / "realm.json").read_bytes()
    assert generated == (ROOT / "dashboards" / "realm.json").read_bytes()
    again = run(provision, "init", cwd=tmp_path)
    assert (again.returncode, "there is one already" in again.stderr) == (1, True)
