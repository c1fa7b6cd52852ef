"""Which secrets a state entry of the manifest needs, and which are made where it is converged.

Apart from what asks the services: the controller wants to know nothing but this.
"""

from __future__ import annotations

from typing import Any, Dict, List

#: InfluxDB 1's administrator's password, InfluxDB 2's first user's.
ADMIN = "influxdb_admin_password"
#: InfluxDB 1: that which takes its place; in the secrets file only while it does so.
NEXT = "influxdb_admin_password_next"
#: InfluxDB 2: with which its tokens are made.
OPERATOR = "influxdb_operator_token"


def secret_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that must be known to converge entry (those of made_names need not be)."""
    if entry["role"] == "grafana":
        return [entry["secret"], entry["key"]]
    return [ADMIN, OPERATOR] if entry["engine"] == 2 else [ADMIN]


def made_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that are made where the entry is converged."""
    return [each["secret"] for each in entry.get("tokens", entry.get("users", ()))]


def optional_secret_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that may be known."""
    following = [NEXT] if entry.get("engine") == 1 else []
    return made_names(entry) + following


def all_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that may be of use to converge entry."""
    return secret_names(entry) + optional_secret_names(entry)
