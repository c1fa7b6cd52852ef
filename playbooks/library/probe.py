#!/usr/bin/python
"""See that services work, and send a metric of our own the way this host's applications do."""

from __future__ import annotations

import socket
import urllib.request
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import options, services, trouble

DOCUMENTATION = """
module: probe
short_description: Sees that services work, and sends metrics to statsd or a Pushgateway
description:
  - Both in one module, as each costs a start of Python on the host. Nothing is sent where a service
    does not work.
options:
  services:
    description: The services, as in the manifest.
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds until a service that does not work is a failure.
    type: float
    default: 60
  stable_seconds:
    description: For how long each must stay active without being started again.
    type: float
    default: 0
  probes:
    description:
      - What to send, as C(text); C(way) is udp or tcp, with C(address) (empty for all) and C(port),
        or pushgateway, with C(url).
    type: list
    elements: dict
    default: []
author: provision
"""

GROUP = "/metrics/job/provision_probe"
_TIMEOUT = 5


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "probes": {"type": "list", "elements": "dict", "default": []},
            **options.WORKING,
        },
        supports_check_mode=True,
    )
    try:
        services.await_working(module.params)
    except services.NotWorkingError as error:
        module.fail_json(**error.result())
    for probe in module.params["probes"]:
        try:
            send(probe)
        except OSError as error:
            where = probe.get("url") or "%s:%s" % (probe["address"] or "*", probe["port"])
            problem = "A probe cannot be sent over %s to %s: %s." % (probe["way"], where, error)
            remedy = "see whether Telegraf (and the Pushgateway) listen there on this host"
            module.fail_json(**trouble.Trouble(problem, remedy).result())
    module.exit_json(changed=False)


def send(probe: Dict[str, Any]) -> None:
    """Send one. OSError where it cannot be."""
    text = probe["text"]
    if probe["way"] == "pushgateway":
        # One group, which the next probe replaces.
        url = probe["url"] + GROUP
        request = urllib.request.Request(url, text.encode(), method="PUT")  # noqa: S310 - the site's
        urllib.request.urlopen(request, timeout=_TIMEOUT).close()  # noqa: S310
        return
    every = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    address = every.get(probe["address"], probe["address"])
    if probe["way"] == "tcp":
        with socket.create_connection((address, int(probe["port"])), timeout=_TIMEOUT) as sender:
            sender.sendall(text.encode() + b"\n")
        return
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), (address, int(probe["port"])))


if __name__ == "__main__":
    main()
