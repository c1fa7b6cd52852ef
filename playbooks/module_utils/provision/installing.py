"""What an installation of packages brings with it, noted in the record.

Before it, what is installed and what is in /etc is written down (pending.json), after it what came
is added to the record. A run that is killed in between leaves that note; whoever comes next settles
it.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any, Dict, List, Sequence, Set

from ansible.module_utils.provision.record import Record, replace, sum_of

_NAME = "pending.json"
#: Where packages' archives and scripts put what they do not take away again.
_TREES = ("/etc", "/usr/lib/systemd/system", "/lib/systemd/system", "/var/lib/telegraf")
#: What else is new there at the end of an installation is not taken for its work.
_WORDS = ("telegraf", "influx", "grafana", "pushgateway")


def known(names: Sequence[str] = ()) -> Dict[str, Dict[str, Any]]:
    """Version and whether it is installed of each package that dpkg knows (of names, or all)."""
    form = "${Package}\\t${Version}\\t${Status}\\n"
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", form, *(["--", *names] if names else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {
        name: {"version": version, "installed": status.endswith(" installed")}
        for name, version, status in lines
        if version
    }


def note_there(record: Record, packages: Dict[str, Sequence[str]]) -> None:
    """Note which of the wanted packages, names by role, are installed before we came."""
    roles = {name: role for role, names in packages.items() for name in names}
    new = [name for name in roles if name not in record.packages]
    for name, before in known(new).items() if new else ():
        if before["installed"]:
            record.packages[name] = {"role": roles[name], "before": before}


def begin(record: Record, packages: Sequence[Dict[str, Any]]) -> None:
    """Note what packages ({"role", "name"}) find when they come."""
    settle(record)
    there = known()
    for package in packages:
        before = there.get(package["name"])
        record.packages.setdefault(package["name"], {"role": package["role"], "before": before})
    pending = {
        "installed": sorted(name for name in there if there[name]["installed"]),
        "paths": sorted(_paths()),
        "unchanged": [path for path, sums in record.traces.items() if sum_of(path) in sums],
    }
    replace(os.path.join(record.root, _NAME), json.dumps(pending).encode())


def settle(record: Record) -> None:
    """Note what has come since begin(), if that was not done yet."""
    path = os.path.join(record.root, _NAME)
    try:
        with open(path) as file:
            pending = json.load(file)
    except (OSError, ValueError):
        return
    there = known()
    new = {name for name in there if there[name]["installed"]} - set(pending["installed"])
    record.dependencies = sorted({*record.dependencies, *new} - set(record.packages))
    for name, package in record.packages.items():
        if there.get(name, {}).get("installed"):
            package["version"] = there[name]["version"]
    came = [path for path in _paths() - set(pending["paths"]) if _ours(path)]
    for each in sorted({*came, *pending["unchanged"]}):
        _note_trace(record.traces, each)
    record.save()
    os.unlink(path)


def _note_trace(traces: Dict[str, List[str]], path: str) -> None:
    seen = sum_of(path)
    if seen is None and not os.path.isdir(path):
        return
    sums = traces.setdefault(path, [])
    if seen and seen not in sums:
        sums.append(seen)


def _ours(path: str) -> bool:
    return any(word in path for word in _WORDS)


def _paths() -> Set[str]:
    found = set()
    for tree in {os.path.realpath(tree) for tree in _TREES}:
        for folder, directories, files in os.walk(tree):
            found |= {os.path.join(folder, name) for name in (*directories, *files)}
        if os.path.isdir(tree) and tree not in ("/etc", "/usr/lib/systemd/system"):
            found.add(tree)
    return found
