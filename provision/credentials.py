"""What lets each host in to InfluxDB: names of secrets, tokens and users, made of the host's name.

A token's description and a user's name end with a fingerprint of the secret, which
playbooks/module_utils/provision/rights.py adds.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

#: The administrator of InfluxDB and of Grafana.
ADMIN = "admin"
_PLAIN = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


def host_key(host: str) -> str:
    """A host's name in lower case letters, digits and `_`; no two hosts have the same.

    `.` is `_` and `-` is `__`; what is left out of a name of other characters is told by a hash.
    """
    if _PLAIN.fullmatch(host):
        return host.replace("-", "__").replace(".", "_")
    digits = hashlib.sha256(host.encode()).hexdigest()[:8]
    return f"{re.sub('[^a-z0-9]+', '_', host.lower()).strip('_')}___{digits}"


def fingerprint(secret: str) -> str:
    """That of playbooks/module_utils/provision/rights.py."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def kind(engine: int) -> str:
    """What lets in: a token of InfluxDB 2, a password of 1."""
    return "token" if engine == 2 else "password"


def write_secret(host: str, engine: int) -> str:
    """The name of the secret with which a host's Telegraf writes."""
    return f"influxdb_write_{kind(engine)}_{host_key(host)}"


def read_secret(engine: int) -> str:
    """The name of the secret with which Grafana reads."""
    return f"influxdb_read_{kind(engine)}"


def external_secret(engine: int, access: str) -> str:
    """The name of the secret with which an InfluxDB of others lets us write or read."""
    return f"influxdb_external_{access}_{kind(engine)}"


READER = "grafana"


def writer(host: str) -> str:
    """The name of a host's user of InfluxDB 1, less the fingerprint."""
    return f"telegraf-{host_key(host)}"


def tokens(workers: list[str], grafana: str | None) -> dict[str, Any]:
    """The tokens of InfluxDB 2, for the manifest; grafana is the host that it runs on."""
    return {
        "tokens": [
            *(
                {
                    "secret": write_secret(host, 2),
                    "description": f"provision: telegraf on {host}",
                    "access": "write",
                    "role": "telegraf",
                    "host": host,
                }
                for host in workers
            ),
            {
                "secret": read_secret(2),
                "description": "provision: grafana",
                "access": "read",
                "role": "grafana",
                "host": grafana,
            },
        ],
        "retired": {"all": "provision: telegraf", "left": "provision: telegraf on "},
    }


def users(workers: list[str], grafana: str | None) -> dict[str, Any]:
    """The users of InfluxDB 1, for the manifest; grafana is the host that it runs on."""
    return {
        "users": [
            *(
                {
                    "name": writer(host),
                    "secret": write_secret(host, 1),
                    "privilege": "WRITE",
                    "joined": True,
                    "role": "telegraf",
                    "host": host,
                }
                for host in workers
            ),
            {
                "name": READER,
                "secret": read_secret(1),
                "privilege": "READ",
                "joined": False,
                "role": "grafana",
                "host": grafana,
            },
        ],
        "retired": {"all": "telegraf", "left": "telegraf-"},
    }
