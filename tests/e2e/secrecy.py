"""Looking for secrets everywhere on hosts, on this machine and in what was printed."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.operating import Site

#: Where secrets may be on a host, whose these files are and their modes.
ALLOWED = {
    "/etc/telegraf/credentials/influxdb": "root:telegraf 640",
    "/etc/default/grafana-server": "root:root 600",
}
USERS = ("admin", "telegraf", "grafana", "provision")

# What a host has of the patterns in a file of this boot alone, named by `$1`: in files, in all that
# the journal keeps, in all properties of all units, in arguments and environments of processes.
_SEARCH = r"""
umask 077; cat > /run/patterns
places="/ /run /tmp /dev/shm"
find $places -xdev -type f -cnewer /etc/hostname ! -path /run/patterns \
  -exec grep -laFf /run/patterns {} + | xargs -r -d '\n' stat -c 'file %n %U:%G %a'
find $places -xdev | grep -aFf /run/patterns | sed 's/^/name of /'
journalctl -q -a -o json | grep -aFf /run/patterns | sed 's/^/journal /'
systemctl show --all '*' 2>/dev/null | grep -aFf /run/patterns | sed 's/^/unit /'
for process in /proc/[0-9]*; do
  if grep -qaFf /run/patterns $process/cmdline 2>/dev/null; then
    tr '\0' ' ' < $process/cmdline | sed 's/^/arguments /'
  fi
  if grep -qaFf /run/patterns $process/environ 2>/dev/null; then
    echo "environment $(stat -c %U $process) $(cat $process/comm)"
  fi
done
rm /run/patterns
"""


def forms(value: str) -> set[str]:
    """A secret as it is, quoted for URLs, HTML, JSON and Go's JSON, and within base64."""
    found = {value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)}
    found |= {html.escape(value), json.dumps(value)[1:-1]}
    found.add(re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", value))
    for kind in (base64.b64encode, base64.urlsafe_b64encode):
        found |= {kind(f"{user}:{value}".encode()).decode().rstrip("=") for user in USERS}
        for before in range(
            3
        ):  # bytes of something else: what of the text depends on it is left out
            text = kind(b"\0" * before + value.encode()).decode().rstrip("=")
            found.add(text[(0, 2, 3)[before] : len(text) - 2])
    return {form for form in found if len(form) > 7}


def patterns(secrets: Mapping[str, str]) -> dict[str, str]:
    """The name of the secret by each of its forms."""
    return {form: name for name, value in secrets.items() for form in forms(value)}


def told(text: str, secrets: Mapping[str, str]) -> set[str]:
    """The names of the secrets that a text has in any form."""
    return {name for form, name in patterns(secrets).items() if form in text}


def on_host(site: Site, host: str, secrets: Mapping[str, str]) -> list[str]:
    """Where a host has a secret and may not; nothing of the secret is in it."""
    known = patterns(secrets)
    done = site.stage.rehearsal.execute(
        host, "bash", "-c", _SEARCH, stdin="\n".join(known) + "\n", timeout=120
    )
    allowed = {f"file {path} {mode}" for path, mode in ALLOWED.items()}
    # Of a service, its own user and root can read the environment (proc(5)).
    allowed |= {f"environment {user} {name}" for user, name in _SERVICES}
    found = [line[:2000] for line in done.stdout.splitlines() if line not in allowed]
    for form, name in known.items():
        found = [line.replace(form, f"({name})") for line in found]
    return found


_SERVICES = (("grafana", "grafana"),)


def on_this_machine(site: Site, secrets: Mapping[str, str], *places: Path) -> list[str]:
    """The files below places that have a secret, the site's secrets file left out."""
    known = [form.encode() for form in patterns(secrets)]
    return [
        str(path)
        for path in every_file(*places)
        if path != site.secrets_file and any(form in content(path) for form in known)
    ]


def every_file(*places: Path) -> list[Path]:
    """The files below places; what another run of Ansible removes meanwhile is not among them."""

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    found = []
    for place in places:
        for directory, _, names in os.walk(place, onerror=failed):
            paths = (Path(directory) / name for name in names)
            found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return found


def content(path: Path) -> bytes:
    """What a file has, or nothing if it is gone by now."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
