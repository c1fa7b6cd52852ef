"""`provision render`: the files of every host, without contacting any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provision.errors import EXIT_OK
from provision.fleet import read_fleet
from provision.output import note, out, shown
from provision.render.tree import write_tree


def render(*, options: Sequence[str], output: Path) -> int:
    """Write `<output>/<host>/…` for every host of the inventory, laid out as on the host."""
    fleet = read_fleet(options)
    for directory in write_tree(fleet.site, output, hosts=fleet.inventory.limited):
        out.print(shown(directory))
    note(
        "run it with: ansible-playbook -i INVENTORY site.yml "
        f"-e provision_tree={output.resolve()} -e @{fleet.secrets_file} "
        f"-e provision_secrets_file={fleet.secrets_file.resolve()}"
    )
    return EXIT_OK
