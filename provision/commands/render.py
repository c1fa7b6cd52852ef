"""`provision render`: the files of every host, without contacting any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from provision.errors import EXIT_OK, ProvisionError
from provision.fleet.keeping import assert_given, keep_secrets, with_certificates
from provision.fleet.reading import read_fleet
from provision.output import few, note, out, shown
from provision.paths import PLAYBOOKS
from provision.render.tree import trees, write_tree
from provision.tls.keeping import with_authorities

# How many folders are named.
_TOLD = 5


def render(*, options: Sequence[str], output: Path) -> int:
    """Write `<output>/<host>/…` for every host of the inventory, laid out as on the host.

    The site's secrets file is made where there is none: the playbooks fill the secrets in. What is
    rendered for workers alone takes nothing but what is public of the site: no secret is read, and
    none is made.
    """
    fleet = read_fleet(options)
    if not fleet.inventory.limited & {host.name for host in fleet.site.hosts}:
        raise ProvisionError("no host is left to render", remedy="see --limit and the inventory")
    site, secrets = fleet.site, fleet.secrets_file.resolve()
    if site.monitor.name in fleet.inventory.limited:
        assert_given(fleet)
        secrets = keep_secrets(fleet, note)
        site = with_certificates(fleet)
    else:
        known = with_authorities(site.tls, secrets, fleet.inventory.read_bytes)
        site = replace(site, tls=known)
    for directory in write_tree(site, output, hosts=fleet.inventory.limited):
        out.print(shown(directory))
    names = {host.name for host in fleet.site.hosts}
    gone = [name for name in trees(output) if name not in names]
    if gone:
        note(
            f"{shown(output)} still has what was rendered for hosts that are not in the inventory:"
            f" {shown(few(gone, _TOLD))}; delete their folders if they are gone"
        )
    inventories = " ".join(f"-i {quote(source)}" for source in fleet.inventory.sources)
    note(
        f"run it with: ansible-playbook {inventories} {quote(str(PLAYBOOKS / 'site.yml'))} "
        f"-e provision_tree={quote(str(output.resolve()))} "
        + (
            f"-e @{quote(str(secrets))} -e provision_secrets_file={quote(str(secrets))}"
            if secrets.exists()
            else "-e @FILE, in which the workers' secrets are"
        )
    )
    return EXIT_OK
