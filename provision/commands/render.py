"""`provision render`: the files of every host, without contacting any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from provision.errors import EXIT_OK, ProvisionError
from provision.fleet import assert_given, keep_secrets, read_fleet, with_certificates
from provision.output import few, note, out, shown
from provision.paths import PLAYBOOKS
from provision.render.tree import trees, write_tree

# How many folders are named.
_TOLD = 5


def render(*, options: Sequence[str], output: Path) -> int:
    """Write `<output>/<host>/…` for every host of the inventory, laid out as on the host.

    The site's secrets file is made where there is none: the playbooks fill the secrets in.
    """
    fleet = read_fleet(options)
    if not fleet.inventory.limited & {host.name for host in fleet.site.hosts}:
        raise ProvisionError("no host is left to render", remedy="see --limit and the inventory")
    if fleet.site.monitor.name in fleet.inventory.limited:
        assert_given(fleet)
    secrets = keep_secrets(fleet, note)
    for directory in write_tree(with_certificates(fleet), output, hosts=fleet.inventory.limited):
        out.print(shown(directory))
    names = {host.name for host in fleet.site.hosts}
    gone = [name for name in trees(output) if name not in names]
    if gone:
        note(
            f"{shown(output)} still has what was rendered for hosts that are not in the inventory:"
            f" {shown(few(gone, _TOLD))}; delete their folders if they are gone"
        )
    note(
        f"run it with: ansible-playbook -i INVENTORY {quote(str(PLAYBOOKS / 'site.yml'))} "
        f"-e provision_tree={quote(str(output.resolve()))} "
        f"-e @{quote(str(secrets))} -e provision_secrets_file={quote(str(secrets))}"
    )
    return EXIT_OK
