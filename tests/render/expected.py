"""The trees that are expected of some inventories: data below tests/cases, written anew by

    python -m tests.render.expected

after a change of templates; read the diff of it before it is committed.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from provision.fleet.reading import read_fleet
from provision.render.tree import write_tree
from provision.site.model import Site
from tests.conftest import CASES, INVENTORY

ENGINE_1 = INVENTORY + "all: {vars: {influxdb_engine: 1}}\n"
FLEET = (CASES / "fleet" / "inventory.yml").read_text()
TREES = {"realm/engine-1": ENGINE_1, "realm/engine-2": INVENTORY, "fleet/tree": FLEET}


def rendered(site: Site, directory: Path) -> dict[str, str]:
    """The files of all hosts by their paths below a directory, into which they are written."""
    write_tree(site, directory)
    return read_tree(directory)


def read_tree(directory: Path) -> dict[str, str]:
    """The files below a directory, by their paths."""
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def without_dashboards(tree: dict[str, str]) -> dict[str, str]:
    """What is compared: no dashboards (they are in dashboards/), and no programs."""
    apart = ("/dashboards/provision/", "/usr/local/lib/provision/")
    return {path: text for path, text in tree.items() if not any(part in path for part in apart)}


def main() -> None:
    """Write the trees of all cases anew."""
    for case, text in TREES.items():
        root = CASES / case
        shutil.rmtree(root, ignore_errors=True)
        with tempfile.TemporaryDirectory() as directory:
            inventory = Path(directory) / "inventory.yml"
            inventory.write_text(text)
            site = read_fleet(["-i", str(inventory)]).site
            tree = without_dashboards(rendered(site, Path(directory) / "tree"))
        for path, content in tree.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)


if __name__ == "__main__":
    main()
