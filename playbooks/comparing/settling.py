"""Whether services run with the secrets that they were given last, and since when."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from comparing.manifest import File, Manifest
from comparing.script import UNFINISHED
from comparing.wanted import Wanted


def roles(manifest: Manifest) -> list[str]:
    """The roles with a service and secrets."""
    secret = {file.role for file in manifest.files if file.secret}
    return [role for role in ("grafana", "telegraf") if role in secret]


def _files(manifest: Manifest, role: str) -> list[File]:
    """What a service runs with: of what it does not read anew while it runs."""
    return [
        file for file in manifest.files if file.role == role and "/dashboards/" not in file.path
    ]


def script(manifest: Manifest) -> str:
    """The script that tells it: for each role its services' start, then its files."""
    lines = ["export LC_ALL=C TZ=UTC"]
    for role in roles(manifest):
        lines.append(f"[ -e {shlex.quote(f'{UNFINISHED}/{role}')} ] && echo unfinished")
        for service in manifest.services_of(role):
            unit = shlex.quote(f"{service.name}.service")
            show = f"systemctl show {unit} -p"
            lines.append(
                f'echo "start $({show} ActiveState | cut -d= -f2)'
                f' $(date -d "$({show} ExecMainStartTimestamp | cut -d= -f2)" +%s)"'
            )
        for file in _files(manifest, role):
            path = shlex.quote(file.path)
            lines.append(
                f'echo "file $(sha256sum <{path} | cut -c 1-64) $(stat -c %Y {path}) "{path}'
            )
    return "\n".join([*lines, "exit 0", ""])


def since(
    manifest: Manifest, wanted: Sequence[Wanted], output: str, polled: Mapping[str, str]
) -> tuple[float, str]:
    """Since when (by the host's clock) its services run with what is wanted, or 0 and why not.

    polled is what each role's service reads anew. What it takes up when it is told to it has taken
    up: a run that ended before that was seen is not finished.
    """
    digests = {each.file.path: each.digest for each in wanted}
    starts: list[float] = []
    changed: dict[str, float] = {}
    for line in output.splitlines():
        words = line.split(maxsplit=3)
        if words[:1] == ["unfinished"]:
            return 0, "a run has not finished there"
        if words[:2] == ["start", "active"] and len(words) == 3:
            starts.append(float(words[2]))
        elif words[:1] == ["start"]:
            return 0, "a service does not run"
        elif words[:1] == ["file"] and len(words) == 4:
            if words[1] != digests.get(words[3]):
                return 0, f"{words[3]} is not as it shall be"
            changed[words[3]] = float(words[2])
    expected = {file.path for role in roles(manifest) for file in _files(manifest, role)}
    if not starts or changed.keys() != expected:
        return 0, "it does not tell what it runs with"
    started = min(starts)
    late = [path for path, then in changed.items() if then > started]
    anew = [*polled.values(), *(each.reloads for each in manifest.services if each.reloads)]
    if not all(any(re.search(each, path) for each in anew) for path in late):
        return 0, "a service was started before its files were written"
    # Times are of whole seconds.
    return max([started, *changed.values()]) + 1, ""
