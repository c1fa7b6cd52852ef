"""`provision rotate`: new tokens and passwords, the old ones valid until nobody uses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from provision.commands.provide import ask_and_do
from provision.errors import EXIT_ERROR, EXIT_OK, ProvisionError
from provision.fleet.model import Fleet
from provision.fleet.reading import read_fleet
from provision.fleet.twice import Run
from provision.inventory import ALL_HOSTS
from provision.output import note, out, shown
from provision.run.asking import assert_answerable, password_of_sudo
from provision.run.plan import Plan
from provision.run.plan_view import show_plan
from provision.secrets import load_secrets

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

    What would be done is shown, and asked for, first; with check it is shown alone, with yes it is
    done at once. Raises ProvisionError, and UsageError where nobody can be asked, before anything
    is touched.
    """
    if not check:
        assert_answerable(yes=yes)
    fleet = read_fleet(options)
    renewals = renewals_of(fleet, hosts)
    word = "would be renewed" if check else "to be renewed"
    for each in renewals:
        out.print(shown(f"{each.what}: {each.secret} {word}"))
    if left := left_alone(fleet, hosts):
        note(left)
    run = Run(
        fleet,
        ALL_HOSTS,
        (fleet.site.monitor.name, *hosts) if hosts else (),
        verbosity,
        command="provision rotate",
        variables={"provision_renew": ",".join(r.secret for r in renewals if not r.here)},
        regenerate=[each.secret for each in renewals if each.here],
    )
    if not (check or yes):
        password = password_of_sudo(options)
        run = replace(run, fleet=replace(fleet, become_password=password))
    looked = None
    if run.regenerate and not check:
        # Of what is made here, nobody would know the old one where the host cannot be told the new
        # one. Where nobody is to see it, Grafana is not asked about a password that it cannot know:
        # after five it lets nobody in for a while.
        looked = _looked(replace(run, regenerate=()) if yes else run)
    if check or yes:
        plan, ok, seconds = run(check=check)
        show_plan(plan, check=check, diff=False, seconds=seconds)
        return EXIT_OK if ok else EXIT_ERROR
    return ask_and_do(run, diff=False, looked=looked)


def _looked(run: Run) -> tuple[Plan, bool, float]:
    """What would be done. Raises ProvisionError where the monitoring host cannot be looked at."""
    plan, ok, seconds = run.look()
    monitor = run.fleet.site.monitor.name
    if any(host.name == monitor for host in plan.failed):
        show_plan(plan, check=True, diff=False, seconds=seconds)
        raise ProvisionError(
            f"{monitor}: it must be told of what is new, so nothing was renewed",
            remedy="mend what is told of it above, then run again",
        )
    return plan, ok, seconds


def left_alone(fleet: Fleet, hosts: Sequence[str]) -> str:
    """What is not renewed though everything is asked for, and how it can be; empty if nothing."""
    site = fleet.site
    if hosts or site.external or site.monitor.settings.grafana_enabled:
        return ""
    return (
        f"{site.read_secret} stays, as no Grafana of this site reads with it: to have another, "
        f"take it out of {fleet.secrets_file}, run `provision up`, and give it to who reads"
    )


def renewals_of(fleet: Fleet, hosts: Sequence[str]) -> list[Renewal]:
    """What is renewed: the credentials of hosts, or those of all and of the services themselves."""
    site, limited = fleet.site, fleet.inventory.limited
    settings = site.monitor.settings
    if site.external and (hosts or not settings.grafana_enabled):
        raise ProvisionError(
            f"{site.influxdb_url} is run by others, so what lets in there is not ours to renew",
            remedy=f"have it renewed there, write it into {fleet.secrets_file}, run `provision up`",
        )
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
    found: list[Renewal] = []
    if not site.external:
        found += [
            Renewal(site.write_secret(each), f"{each.name}: Telegraf writes") for each in chosen
        ]
    if hosts:
        return found
    if not site.external:
        version_2 = settings.influxdb_engine == 2
        # A Grafana elsewhere would be shut out at once: nobody here can tell it of another.
        if settings.grafana_enabled:
            found.append(Renewal(site.read_secret, f"{site.monitor.name}: Grafana reads"))
        administrator = f"{site.monitor.name}: InfluxDB's administrator"
        found.append(Renewal(ADMIN, administrator, here=version_2))
        if version_2:
            found.append(Renewal(OPERATOR, f"{site.monitor.name}: InfluxDB's operator"))
    if settings.grafana_enabled:
        found.append(
            Renewal(GRAFANA_ADMIN, f"{site.monitor.name}: Grafana's administrator", here=True)
        )
    return found
