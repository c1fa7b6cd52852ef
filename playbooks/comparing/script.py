"""The two shell scripts that look at a host: one to compare it, one before anything is changed.

Both are sent over standard input to /bin/sh, so that nothing secret is ever in a process's
arguments; both change nothing. They print sections that comparing.report reads. Paths are told to
them quoted and are reported by NUL-separated lists in base64, so that any name is possible.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.provision import lease, letting_in

from comparing import hosted
from comparing.manifest import Manifest

#: That there is a program that knows the kernel's rules.
SEEN = "seen"
#: Where an unfinished swap of a role's files leaves the old ones; gone with the next boot, which
#: starts each service with the new ones anyway.
UNFINISHED = "/run/provision"

#: Where every run needs a little room: packages, kept files, Ansible's own modules.
SPACE = ("/", "/var", "/run", "/tmp")  # noqa: S108 - not written to by us

#: The control groups of each process that is heard of. To start a program takes a millisecond, and
#: a look at a host starts a dozen: what the shell can do itself, it does.
_UNITS = """\
rest=$heard
while [ "$rest" != "${rest#*pid=}" ]; do
rest=${rest#*pid=}; pid=${rest%%[!0-9]*}; printf '%s' "$pid"
while read -r line; do printf ' %s' "$line"; done <"/proc/$pid/cgroup"
echo
done"""
#: The lines of a file.
_LINES = 'while read -r line || [ "$line" ]; do printf \'%s\\n\' "$line"; done <{}'
#: The number of the user whose rights the shell has (proc(5)).
_USER = """\
while read -r name _ effective _; do
[ "$name" != Uid: ] || echo "$effective"
done </proc/self/status"""
#: Seconds since the host started.
_UPTIME = 'read -r seconds _ </proc/uptime; echo "$seconds"'


def section(name: str) -> str:
    """The line that begins a section of the report."""
    return f"@@ {name} @@"


#: The last line of each: what lacks it was cut off.
END = section("end")


def wrap(commands: Sequence[str]) -> str:
    """Make one script of commands: read as a whole before it runs, with nothing on its stdin."""
    lines = ["main() {", "export LC_ALL=C", *commands, f"echo {shlex.quote(END)}", "}"]
    return "\n".join([*lines, "main </dev/null 2>/dev/null", "exit 0", ""])


def compare_script(
    manifest: Manifest,
    state: Sequence[Mapping[str, Any]] = (),
    more: Sequence[tuple[str, str]] = (),
) -> str:
    """The script that reports everything that manifest has an opinion about.

    state holds {"entry", "secrets"} of each state entry that is to be looked at; more are further
    sections, each with the command that prints it.
    """
    files = [file.path for file in manifest.files]
    keyrings = [repository.keyring for repository in manifest.repositories]
    paths = [
        *files,
        *keyrings,
        *(directory.path for directory in manifest.directories),
        *(absent.path for absent in manifest.absent),
        *(f"{UNFINISHED}/{role}" for role in sorted({s.role for s in manifest.services})),
        *(service.alive["path"] for service in manifest.services if service.alive),
    ]
    exclusive = [directory.path for directory in manifest.directories if directory.exclusive]
    commands = [
        *_say("clock", "date +%s"),
        *_say("operator", f"[ ! -s {lease.PATH} ] || cat {lease.PATH}"),
        *_say("uptime", _UPTIME),  # after the lease, which would be of the future
        *_say("paths", _paths(paths, exclusive, files)),
    ]
    for index, keyring in enumerate(keyrings):
        commands += _say(f"keyring {index}", f"base64 -w0 <{shlex.quote(keyring)}")
    packages = {name for each in manifest.packages for name in (each.name, *each.conflicts)}
    if packages:
        form = shlex.quote("${Package}\\t${Version}\\t${Status}\\n")
        commands += _say("packages", f"dpkg-query -W -f {form} -- {_quoted(sorted(packages))}")
    if manifest.services:
        units = _quoted([f"{service.name}.service" for service in manifest.services])
        properties = "Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts"
        properties += ",ActiveEnterTimestampMonotonic"
        commands += _say("services", f"systemctl show -p {properties} -- {units}")
    for unit in (service.name for service in manifest.guarded):
        listing = f"[ ! -x {letting_in.NFT} ] || echo {SEEN};"
        listing += f" {letting_in.NFT} list table inet {letting_in.table_of(unit)}"
        commands += _say(f"rules {unit}", listing)
    for name, command in more:
        commands += _say(name, command)
    return wrap(_beside(state_check(state), commands) if state else commands)


def _beside(check: Sequence[str], commands: Sequence[str]) -> list[str]:
    """Commands, while the check of the services' state runs: it waits for their answers."""
    start, *program = check
    said = _say("state", "cat")
    return [f"{start} | {{", *program, "{", *commands, "} </dev/null", *said, "}"]


def state_check(state: Sequence[Mapping[str, Any]]) -> list[str]:
    """The command that runs the check of state entries in the host's Python, line by line.

    It prints a JSON list in their order. Program and secrets are in a here-document, which begins
    behind the first line.
    """
    # Each service takes its time to check passwords, Grafana most: it is asked first.
    order = sorted(range(len(state)), key=lambda number: state[number]["entry"]["role"])
    program = f"""\
{hosted.library("state")}
import threading
from ansible.module_utils.provision import state
asked = json.loads({json.dumps(list(state))!r})
found = {{}}
def inspect(number, entry, secrets, renew):
    found[number] = state.inspect(entry, secrets, renew)
threads = [threading.Thread(target=inspect, args=(n,), kwargs=asked[n]) for n in {order}]
for each in threads: each.start()
for each in threads: each.join()
print(json.dumps([found[n] for n in range(len(asked))]))
"""
    end = "END_OF_PROGRAM"
    while end in program:
        end += "_"
    return [f"{hosted.PYTHON} <<'{end}'", *program.splitlines(), end]


def preflight_script(
    ports: Sequence[int],
    old_texts: Sequence[str],
    places: Sequence[str] = (),
    *,
    packages: bool = True,
) -> str:
    """The script that says whether this host can be changed, and gives the text of old_texts.

    ports are those that our services want; old_texts are paths whose content --diff shows; places
    are directories that will be written to; packages says whether some will be installed.
    """
    commands = [
        *_say("os-release", _LINES.format("/etc/os-release")),
        *_say("init", _LINES.format("/proc/1/comm")),
        *(_say("architecture", "dpkg --print-architecture || uname -m") if packages else ()),
        *_say("user", _USER),
        *_say("python", "command -v python3"),
        *_say("space", _space(places)),
    ]
    if ports:
        condition = " or ".join(f"sport = :{port}" for port in sorted(set(ports)))
        listening = (
            f"heard=$(ss -Hlntup {shlex.quote(f'( {condition} )')}); printf '%s\\n' \"$heard\""
        )
        commands += [*_say("listeners", listening), *_say("units", _UNITS)]
    for index, path in enumerate(old_texts):
        commands += _say(f"text {index}", f"head -c 2097152 -- {shlex.quote(path)} | base64 -w0")
    return wrap(commands)


def _space(places: Sequence[str]) -> str:
    """For each place whether it is writable, and where it or what it will be in is; then for each
    of those its free blocks, their size, free inodes and all of them. Names are behind a tab.
    """
    wanted = [*SPACE, *(place for place in sorted(set(places)) if place not in SPACE)]
    return (
        f"set --; for place in {_quoted(wanted)}; do there=$place;"
        ' while ! [ -e "$there" ]; do there=${there%/*}; there=${there:-/}; done;'
        ' can=0; [ -w "$there" ] && can=1; set -- "$@" "$there";'
        """ printf '%s\\t%s\\t%s\\n' "$can" "$place" "$there"; done;"""
        """ stat -f -c '%a %S %d %c\t%n' -- "$@\""""
    )


def _say(name: str, command: str) -> list[str]:
    return [f"echo {shlex.quote(section(name))}", command, "echo"]


def _quoted(words: Sequence[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)


def _paths(paths: Sequence[str], exclusive: Sequence[str], files: Sequence[str]) -> str:
    """Type, mode, owner, group, time of the last change and name of paths, and of all that is in
    exclusive ones; then, behind an empty field, the sums of files. There is a NUL after each field.
    """
    if not paths:
        return ":"
    form = shlex.quote("%y\\0%m\\0%u\\0%g\\0%T@\\0%p\\0")
    inside = " -o ".join(
        f"-path {shlex.quote(pattern)}"
        for path in map(_literally, exclusive)
        for pattern in (path, f"{path}/*")
    )
    # One that finds both starts once; -prune keeps it out of all other directories.
    depth = f"! \\( {inside} \\) -prune" if inside else "-prune"
    # Of one that is killed a part would be told, without its end.
    commands = [f"find {_quoted(paths)} -printf {form} {depth}", "[ $? -gt 127 ] || printf '\\0'"]
    if files:
        commands.append(f"sha256sum -z -- {_quoted(files)}")
    return f"{{ {'; '.join(commands)}; }} | base64 -w0"


def _literally(path: str) -> str:
    """A pattern of find's that only this path fits."""
    return re.sub(r"[\\*?\[]", r"\\\g<0>", path)
