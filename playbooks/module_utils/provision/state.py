"""Which module converges which kind of state entry; the same code checks and converges."""

from __future__ import annotations

from typing import Any, Dict, List

from ansible.module_utils.provision import grafana, influxdb1, influxdb2
from ansible.module_utils.provision.http import ServiceError, know


def secret_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that must be known to converge entry (tokens are made, so they need not be)."""
    if entry["role"] == "grafana":
        return [entry["secret"]]
    if entry["engine"] == 2:
        return ["influxdb_admin_password", "influxdb_operator_token"]
    return ["influxdb_admin_password", *(user["secret"] for user in entry["users"])]


def optional_secret_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that InfluxDB makes itself."""
    return [token["secret"] for token in entry.get("tokens", ())]


def converge(
    entry: Dict[str, Any], secrets: Dict[str, str], *, check: bool, patience: float
) -> Dict[str, Any]:
    """Converge (or check) one entry: {"differences": […], "secrets": {…}}; raises ServiceError."""
    know(entry["url"], entry.get("tls"))
    if entry["role"] == "grafana":
        return grafana.converge(entry, secrets, check=check, patience=patience)
    engine = {1: influxdb1, 2: influxdb2}[entry["engine"]]
    return engine.converge(entry, secrets, check=check, patience=patience)  # type: ignore[attr-defined,no-any-return]


def inspect(entry: Dict[str, Any], secrets: Dict[str, str]) -> Dict[str, Any]:
    """What converge would do. A service that can't be asked is {"problem", "remedy"}."""
    try:
        return converge(entry, secrets, check=True, patience=0)
    except ServiceError as error:
        return {"problem": error.message, "remedy": error.remedy}
