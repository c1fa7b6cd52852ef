"""How a host stands, for people: what the comparing script says beside what is compared."""

from __future__ import annotations

import base64
import binascii
import json
import shlex
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.provision import record

from comparing.manifest import Manifest
from comparing.report import Report, sections

_PROPERTIES = "Id,ActiveState,SubState,NRestarts,MainPID,ActiveEnterTimestampMonotonic"
#: A database of millions of files must not hold up the answer.
_LONGEST = 10


def commands(manifest: Manifest) -> list[tuple[str, str]]:
    """Sections and the commands that print them; they change nothing."""
    units = shlex.join(f"{service.name}.service" for service in manifest.services)
    data = shlex.join(_data(manifest))
    found = [
        ("record", f"base64 -w0 <{record.ROOT}/record.json"),
        ("free", "df -Pk /var/lib"),
    ]
    if units:
        found += [
            ("standing", f"systemctl show -p {_PROPERTIES} -- {units}"),
            (
                "programs",
                f"for pid in $(systemctl show -p MainPID --value -- {units}); do"
                ' echo "$pid $(readlink "/proc/$pid/exe")"; done',
            ),
        ]
    if data:
        found.append(("data", f"timeout {_LONGEST} du -sk -- {data}"))
    return found


def _data(manifest: Manifest) -> list[str]:
    roles = {service.role for service in manifest.services}
    return [path for role in sorted(roles) for path in record.DATA.get(role, ())]


def read(manifest: Manifest, report: Report, output: str) -> dict[str, Any]:
    """services (each name, package, version, state, seconds since when, restarts and whether what
    runs is older than what is installed), changed (by role, as in the record), data (bytes by path)
    and free (bytes).
    """
    parts = sections(output)
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in parts.get("standing", "").split("\n\n")
    ]
    units = {block["Id"].removesuffix(".service"): block for block in blocks if "Id" in block}
    # What does not run has the number 0, and no program.
    pairs = (line.partition(" ") for line in parts.get("programs", "").splitlines())
    programs = {pid: program for pid, _, program in pairs}
    free = parts.get("free", "").splitlines()[-1:]
    return {
        "services": [
            _service(
                service.name,
                next((p.name for p in manifest.packages if p.role == service.role), ""),
                units.get(service.name, {}),
                report,
                report.uptime,
                programs,
            )
            for service in manifest.services
        ],
        "changed": _changed(parts.get("record", "")),
        "data": {
            path: int(size) * 1024
            for size, path in (line.split("\t", 1) for line in parts.get("data", "").splitlines())
        },
        "free": int(free[0].split()[3]) * 1024 if free and len(free[0].split()) > 3 else None,
    }


def _service(
    name: str,
    package: str,
    unit: Mapping[str, str],
    report: Report,
    uptime: float,
    programs: Mapping[str, str],
) -> dict[str, Any]:
    version, status = report.packages.get(package, ("", ""))
    active = unit.get("ActiveState", "inactive")
    entered = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1_000_000
    return {
        "name": name,
        "package": package,
        "version": version if status.endswith(" installed") else "",
        "state": active,
        "seconds": max(int(uptime - entered), 0) if active == "active" and entered else None,
        "restarts": int(unit.get("NRestarts") or 0),
        # dpkg puts a new program in the place of the old one, which still runs.
        "outdated": programs.get(unit.get("MainPID", ""), "").endswith(" (deleted)"),
    }


def _changed(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(base64.b64decode(text)).get("roles", {})) if text else {}
    except (binascii.Error, ValueError, AttributeError):
        return {}
