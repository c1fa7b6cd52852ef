"""The newest Ansible that is supported, which needs another Python than Debian 12 has."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provision.paths import cache

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PYTHONS = ("python3.13", "python3.12")
# What is done by what Ansible does not document, or documents as experimental.
TESTS = (
    "tests/playbooks/test_look.py",
    "tests/playbooks/test_place_together.py",
    "tests/playbooks/test_events.py",
    "tests/run/test_engine.py",
)


@pytest.fixture(scope="module")
def python() -> Path:
    """Python in an environment with the newest ansible-core that pyproject.toml takes."""
    described = (ROOT / "pyproject.toml").read_bytes()
    directory = cache() / "newer" / hashlib.sha256(described).hexdigest()[:16]
    found = directory / "bin" / "python"
    if (directory / "ready").exists():
        return found
    for name in PYTHONS:
        shutil.rmtree(directory, ignore_errors=True)
        made = shutil.which(name) and run(name, "-m", "venv", str(directory)).returncode == 0
        if made and found.exists():
            break
    else:
        pytest.skip(f"none of {', '.join(PYTHONS)} is here, and makes environments")
    done = run(str(found), "-m", "pip", "install", "--quiet", f"{ROOT}[dev]")
    assert done.returncode == 0, done.stderr
    (directory / "ready").touch()
    return found


def run(*words: str) -> subprocess.CompletedProcess[str]:
    # What is installed there is the project as it was then; what counts is how it is now.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_what_depends_on_its_version_holds_with_the_newest(python: Path) -> None:
    version = run(str(python), "-c", "import ansible.release as a; print(a.__version__)").stdout
    here = run(sys.executable, "-c", "import ansible.release as a; print(a.__version__)").stdout
    assert version.strip() > here.strip()
    where = run(str(python), "-P", "-c", "import provision; print(provision.__file__)").stdout
    assert Path(where.strip()).is_relative_to(ROOT)
    done = run(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
