"""`provision tunnel`: a port of this machine that is the statsd of a worker."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from provision.errors import ProvisionError
from provision.fleet.reading import read_fleet
from provision.inventory import SSH, THROUGH
from provision.options import with_inventory
from provision.output import note, out, shown
from provision.run.engine import read_inventory
from provision.site.model import Host
from provision.values import bracketed, local_address

# Ansible documentation, ansible.builtin.ssh connection: the variables that say how to connect.
CONNECTION = frozenset(
    {
        *("ansible_host", "ansible_port", "ansible_user", "ansible_connection"),
        *("ansible_ssh_private_key_file", "ansible_private_key_file"),
        *THROUGH,
    }
)


def tunnel(
    *,
    host: str,
    port: int,
    options: Sequence[str],
    user: str | None,
    private_key: str | None,
    show: bool,
) -> None:
    """Forward a port of this machine to where a worker's Telegraf takes statsd over TCP.

    The process becomes ssh, until it is interrupted; with show, its command is only printed. Raises
    ProvisionError for a host that is no worker or takes no TCP.
    """
    options = with_inventory(options)
    fleet = read_fleet(options)
    worker = next((each for each in fleet.site.workers if each.name == host), None)
    if worker is None:
        names = ", ".join(each.name for each in fleet.site.workers)
        raise ProvisionError(f"{host}: not a worker", remedy=f"the workers are {names}")
    if "tcp" not in worker.transports:
        raise ProvisionError(
            f"{host}: its Telegraf takes statsd over UDP alone, which ssh cannot forward",
            remedy="only applications whose catalog has `transport: tcp` are reached like this",
        )
    inventory = read_inventory(options, lambda _: CONNECTION)
    variables = next(each.variables for each in inventory.hosts if each.name == host)
    given = {"ansible_user": user, "ansible_ssh_private_key_file": private_key}
    variables = {**variables, **{name: value for name, value in given.items() if value}}
    connection = str(variables.get("ansible_connection") or "ssh").rpartition(".")[2]
    if connection not in SSH:
        raise ProvisionError(
            f"{host}: Ansible connects by {connection}, and ssh alone can forward a port",
            remedy=f"from {host} itself it is port {worker.settings.telegraf_statsd_tcp_port}",
        )
    try:
        command = ssh_command(worker, variables, port)
    except ValueError as error:
        raise ProvisionError(f"{host}: the arguments for ssh cannot be read: {error}") from error
    if show:
        out.print(shown(shlex.join(command)))
        return
    if shutil.which(command[0]) is None:
        raise ProvisionError("ssh is not installed", remedy="apt-get install openssh-client")
    note(f"127.0.0.1:{port} is {host}'s statsd over TCP now; Ctrl-C ends it")
    note(f"try it in bash with: echo 'test.bucket:1|c' > /dev/tcp/127.0.0.1/{port}")
    os.execvp(command[0], command)  # noqa: S606


def ssh_command(host: Host, variables: Mapping[str, Any], port: int) -> list[str]:
    """The ssh that forwards a port of this machine to a host's statsd, as Ansible would connect.

    Source: ssh(1), -L, -N. Raises ValueError for arguments with a quote that does not end.
    """
    settings = host.settings
    reached = bracketed(local_address(settings.telegraf_statsd_tcp_address))
    key = variables.get("ansible_ssh_private_key_file") or variables.get("ansible_private_key_file")
    # A connection that stands (ControlPath) would take the port over, and keep it.
    command = ["ssh", "-N", "-S", "none", "-o", "ExitOnForwardFailure=yes"]
    command += ["-L", f"127.0.0.1:{port}:{reached}:{settings.telegraf_statsd_tcp_port}"]
    for name in THROUGH:
        command += shlex.split(str(variables.get(name) or ""))
    command += ["-i", str(key)] if key else []
    command += ["-p", str(variables["ansible_port"])] if variables.get("ansible_port") else []
    command += ["-l", str(variables["ansible_user"])] if variables.get("ansible_user") else []
    return [*command, "--", str(variables.get("ansible_host") or host.name)]
