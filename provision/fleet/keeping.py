"""A fleet's secrets and certificates: kept, made for a look alone, or missed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from provision.errors import ProvisionError
from provision.fleet.model import Fleet
from provision.secrets import (
    FILE_NAME,
    KEY,
    complete,
    ensure_secrets,
    is_vaulted,
    load_secrets,
    write_secrets,
)
from provision.site.model import Site
from provision.tls.keeping import keep_certificates, prepare
from provision.tls.model import OWN_CA


def keep_secrets(
    fleet: Fleet, note: Callable[[str], None], regenerate: Collection[str] = ()
) -> Path:
    """The site's secrets file, with everything in it that is made here; some of it anew."""
    inventory, path = fleet.inventory, fleet.secrets_file.resolve()
    wanted = fleet.site.generated_secrets
    encrypt = inventory.encrypt_like(path)
    _, new = ensure_secrets(path, wanted, inventory.read_yaml, encrypt, regenerate)
    if new:
        note(f"new secrets are in {fleet.secrets_file}: keep that file")
    if fleet.site.tls.mode == OWN_CA:
        keep_certificates(fleet.site.tls, path, inventory.read_yaml, encrypt, note)
    return path


def with_certificates(fleet: Fleet) -> Site:
    """The site with the certificates that it has, as rendering takes it."""
    if not fleet.site.tls.on:
        return fleet.site
    secrets = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml)
    prepared = prepare(fleet.site.tls, fleet.secrets_file, secrets, fleet.inventory.read_bytes)
    return replace(fleet.site, tls=prepared.tls)


def secrets_for_check(
    fleet: Fleet,
    directory: Path,
    note: Callable[[str], None],
    renews: bool,
    regenerate: Collection[str],
) -> tuple[Path, Site]:
    """The secrets that there are, with others made for the comparison alone; the site to render.

    renews says whether certificates are as a run would make them, or as they are.
    """
    inventory, path = fleet.inventory, fleet.secrets_file.resolve()
    known = load_secrets(path, inventory.read_yaml)
    kept = {name: value for name, value in known.items() if name not in regenerate}
    secrets = complete(kept, fleet.site.generated_secrets)
    prepared = prepare(fleet.site.tls, path, secrets, inventory.read_bytes, as_is=not renews)
    for line in prepared.news:
        note(f"{'would change' if renews else 'to be done by `provision up`'}: {line}")
    site = replace(fleet.site, tls=prepared.tls)
    secrets |= prepared.secrets
    if secrets == known:
        return path, site
    temporary = directory / FILE_NAME
    write_secrets(temporary, secrets, inventory.encrypt_like(path) if is_vaulted(path) else None)
    return temporary, site


def assert_given(fleet: Fleet) -> None:
    """Raise ProvisionError where secrets are missing that nobody but the operator can know."""
    wanted = fleet.site.given_secrets
    known = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml) if wanted else {}
    if missing := [name for name in wanted if name not in known]:
        database = [name for name in missing if name.startswith("influxdb_external_")]
        if database:
            raise ProvisionError(
                f"{fleet.secrets_file}: no {' and no '.join(database)}, with which"
                f" {fleet.site.influxdb_url} is written to and read",
                remedy=f"write what you were given for it under {KEY}: in that file (0600)",
            )
        raise ProvisionError(
            f"{fleet.secrets_file}: no {' and no '.join(missing)}, with which alerts are sent",
            remedy=f"write it under {KEY}: in that file (0600); docs/alerts.md says what it is",
        )


def assert_provisioned(fleet: Fleet) -> None:
    """Raise ProvisionError where no run has been: a site's secrets are made by its first."""
    known = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml)
    made = fleet.site.generated_secrets or fleet.site.given_secrets
    if not known.keys() & set(made):
        raise ProvisionError(
            f"{fleet.secrets_file}: no secrets of this site, so nothing was provisioned yet",
            remedy="run `provision up` first, or put the secrets file back",
        )
