"""Which module converges which kind of state entry; the same code checks and converges."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ansible.module_utils.provision import grafana, influxdb1, influxdb2
from ansible.module_utils.provision.http import ServiceError, know


def secret_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that must be known to converge entry (those of made_names need not be)."""
    if entry["role"] == "grafana":
        return [entry["secret"]]
    if entry["engine"] == 2:
        return ["influxdb_admin_password", influxdb2.OPERATOR]
    return [influxdb1.ADMIN]


def made_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that are made where the entry is converged."""
    return [each["secret"] for each in entry.get("tokens", entry.get("users", ()))]


def optional_secret_names(entry: Dict[str, Any]) -> List[str]:
    """The secrets that may be known."""
    following = [influxdb1.NEXT] if entry.get("engine") == 1 else []
    return made_names(entry) + following


def converge(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    *,
    check: bool,
    patience: float,
    renew: Sequence[str] = (),
) -> Dict[str, Any]:
    """Converge (or check) one entry; raises ServiceError.

    Gives {"differences": […], "secrets": {…}, "stale": […]} (the last for InfluxDB alone).
    """
    know(entry["url"], entry.get("tls"))
    if entry["role"] == "grafana":
        return grafana.converge(entry, secrets, check=check, patience=patience)
    engine = _engine(entry)
    return engine.converge(entry, secrets, check=check, patience=patience, renew=renew)  # type: ignore[no-any-return]


def revoke(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    settled: Mapping[str, float],
    *,
    patience: float,
) -> Dict[str, Any]:
    """Revoke what is stale of InfluxDB's tokens or users: {"differences": […], "unseen": […]}."""
    know(entry["url"], entry.get("tls"))
    return _engine(entry).revoke(entry, secrets, settled, patience=patience)  # type: ignore[no-any-return]


def _engine(entry: Mapping[str, Any]) -> Any:
    return {1: influxdb1, 2: influxdb2}[entry["engine"]]


def inspect(
    entry: Dict[str, Any], secrets: Dict[str, str], renew: Sequence[str] = ()
) -> Dict[str, Any]:
    """What converge would do. A service that can't be asked is {"problem", "remedy"}."""
    try:
        return converge(entry, secrets, check=True, patience=0, renew=renew)
    except ServiceError as error:
        return {"problem": error.message, "remedy": error.remedy}
