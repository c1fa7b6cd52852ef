"""Which module converges which kind of state entry; the same code checks and converges.

To check is most of what a run that changes nothing does on a host: what it does not need is not
compiled.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from ansible.module_utils.provision.http import ServiceError, know


def converge(
    entry: Dict[str, Any],
    secrets: Dict[str, str],
    *,
    check: bool,
    patience: float,
    renew: Sequence[str] = (),
    refused: bool = False,
) -> Dict[str, Any]:
    """Converge (or check) one entry; raises ServiceError.

    Gives {"differences": […], "secrets": {…}, "stale": […]} (the last for InfluxDB alone).
    """
    know(entry["url"], entry.get("tls"))
    if entry["role"] == "grafana":
        from ansible.module_utils.provision import grafana

        return grafana.converge(entry, secrets, check=check, patience=patience, refused=refused)
    engine = _engine(entry)
    return engine.converge(entry, secrets, check=check, patience=patience, renew=renew)  # type: ignore[no-any-return]


def keep(
    entry: Dict[str, Any], secrets: Dict[str, str], *, patience: float, refused: bool = False
) -> Dict[str, Any]:
    """Keep of people's in Grafana what is about to be replaced; in the form of converge."""
    from ansible.module_utils.provision import grafana

    know(entry["url"], entry.get("tls"))
    return grafana.keep(entry, secrets, patience=patience, refused=refused)


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
    if entry["engine"] == 2:
        from ansible.module_utils.provision import influxdb2

        return influxdb2
    from ansible.module_utils.provision import influxdb1

    return influxdb1


def inspect(
    entry: Dict[str, Any], secrets: Dict[str, str], renew: Sequence[str] = ()
) -> Dict[str, Any]:
    """What converge would do. A service that can't be asked is {"problem", "remedy"}.

    Either has "differences": what can be told of a service that does not answer, too.
    """
    found = []
    if entry["role"] == "grafana":
        from ansible.module_utils.provision import secret_key

        found = secret_key.difference(entry, secrets)
    try:
        result = converge(entry, secrets, check=True, patience=0, renew=renew)
    except ServiceError as error:
        return {"problem": error.message, "remedy": error.remedy, "differences": found}
    result["differences"] += found
    return result
