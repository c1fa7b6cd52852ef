"""`provision rotate`: new tokens and passwords, the old ones valid until nobody uses them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from provision.errors import EXIT_ERROR, EXIT_OK, EXIT_USAGE, ProvisionError
from provision.fleet import Fleet, apply, read_fleet
from provision.output import err, out, shown
from provision.secrets import load_secrets
from provision.view import RunView, show_result

ADMIN, OPERATOR = "influxdb_admin_password", "influxdb_operator_token"
GRAFANA_ADMIN = "grafana_admin_password"


@dataclass(frozen=True)
class Renewal:
    """A secret that is made anew: its name, and whose it is.

    here: it is made here, and a service is told of it; others are made with InfluxDB.
    """

    secret: str
    what: str
    here: bool = False


def rotate(
    *, hosts: Sequence[str], options: Sequence[str], check: bool, yes: bool, verbosity: int
) -> int:
    """Renew the credentials of some workers, or with no hosts everything; gives the exit status.

    Raises ProvisionError before anything is touched.
    """
    fleet = read_fleet(options)
    renewals = renewals_of(fleet, hosts)
    for each in renewals:
        word = "would be renewed" if check else "to be renewed"
        out.print(shown(f"{each.what}: {each.secret} {word}"))
    if not check and not yes and not _confirmed():
        return EXIT_USAGE
    view = RunView(quiet=verbosity > 0)
    started = time.monotonic()
    result = apply(
        fleet,
        hosts=[fleet.site.monitor.name, *hosts] if hosts else (),
        check=check,
        verbose=verbosity > 0,
        view=view,
        variables={"provision_renew": ",".join(r.secret for r in renewals if not r.here)},
        regenerate=[each.secret for each in renewals if each.here],
    )
    show_result(result, check=check, diff=False, seconds=time.monotonic() - started)
    return EXIT_OK if result.ok else EXIT_ERROR


def renewals_of(fleet: Fleet, hosts: Sequence[str]) -> list[Renewal]:
    """What is renewed: the credentials of hosts, or those of all and of the services themselves."""
    site, limited = fleet.site, fleet.inventory.limited
    settings = site.monitor.settings
    if site.monitor.name not in limited:
        raise ProvisionError(
            f"{site.monitor.name}: what is new is made there, and --limit leaves it out",
            remedy="name the workers instead: provision rotate HOST...",
        )
    known = load_secrets(fleet.secrets_file, fleet.inventory.read_yaml)
    if absent := [name for name in site.database_secrets if name not in known]:
        raise ProvisionError(
            f"{fleet.secrets_file}: no {absent[0]}: there is nothing to renew",
            remedy="run `provision up` first, or put the secrets file back",
        )
    workers = {host.name: host for host in site.workers}
    for name in hosts:
        if name not in workers:
            raise ProvisionError(
                f"{name}: not in workers of {', '.join(fleet.inventory.sources)}",
                remedy=f"the workers are {', '.join(sorted(workers))}",
            )
    chosen = [host for name, host in workers.items() if name in (hosts or limited)]
    found = [Renewal(site.write_secret(host), f"{host.name}: Telegraf writes") for host in chosen]
    if hosts:
        return found
    version_2 = settings.influxdb_engine == 2
    found.append(Renewal(site.read_secret, f"{site.monitor.name}: Grafana reads"))
    found.append(Renewal(ADMIN, f"{site.monitor.name}: InfluxDB's administrator", here=version_2))
    if version_2:
        found.append(Renewal(OPERATOR, f"{site.monitor.name}: InfluxDB's operator"))
    if settings.grafana_enabled:
        found.append(
            Renewal(GRAFANA_ADMIN, f"{site.monitor.name}: Grafana's administrator", here=True)
        )
    return found


def _confirmed() -> bool:
    """Whether a person says yes; where nobody can be asked, it is said how to do without."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        err.print("nobody can be asked here: --yes goes on without asking")
        return False
    return input("Renew them? [y/N] ").strip().lower() in {"y", "yes"}
