#!/usr/bin/python
"""See that services work, and send a metric of our own the way this host's applications do.

Meanwhile the pages are fetched that Telegraf scrapes on this host.
"""

from __future__ import annotations

import socket
import urllib.request
from typing import Any, Callable, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.provision import options, services, trouble

DOCUMENTATION = """
module: probe
short_description: Sees that services work, sends metrics to statsd or a Pushgateway, fetches pages
description:
  - All in one module, as each costs a start of Python on the host. Nothing is sent where a service
    does not work.
  - The answer has C(fetched), by URL what is wrong with it, in words that follow it; they are empty
    where it can be fetched.
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
  scraped:
    description: URLs to fetch, at once and beside all else.
    type: list
    elements: str
    default: []
  scrape_seconds:
    description: Seconds that fetching may take.
    type: float
    default: 5
author: provision
"""

GROUP = "/metrics/job/provision_probe"
_TIMEOUT = 5


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "probes": {"type": "list", "elements": "dict", "default": []},
            "scraped": {"type": "list", "elements": "str", "default": []},
            "scrape_seconds": {"type": "float", "default": 5},
            **options.WORKING,
        },
        supports_check_mode=True,
    )
    told = _fetching(module.params)
    try:
        _work(module.params)
    except trouble.Trouble as error:
        module.fail_json(fetched=told(), **error.result())
    module.exit_json(changed=False, fetched=told())


def _fetching(wanted: Dict[str, Any]) -> Callable[[], Dict[str, str]]:
    """Begin to fetch what is scraped; what is given waits for it, and tells."""
    if not wanted["scraped"]:
        return dict
    from ansible.module_utils.provision import fetching

    return fetching.Fetches(wanted["scraped"], wanted["scrape_seconds"]).told


def _work(wanted: Dict[str, Any]) -> None:
    """See that services work, and send. Trouble where something does not."""
    services.await_working(wanted)
    for probe in wanted["probes"]:
        try:
            send(probe)
        except OSError as error:
            where = probe.get("url") or "%s:%s" % (probe["address"] or "*", probe["port"])
            problem = "A probe cannot be sent over %s to %s: %s." % (probe["way"], where, error)
            remedy = "see whether Telegraf (and the Pushgateway) listen there on this host"
            raise trouble.Trouble(problem, remedy) from None


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
