"""One host: its root file system, its boot, and when it has booted."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import cgroups, mounts, network, processes
from provision.rehearsal.base import OPERATOR, RESTRICTED

# Enters the cgroups first, so that nothing of the program ever runs outside of them.
_ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done; shift; exec "$@"'

_children: list[subprocess.Popen[bytes]] = []

_NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/24
Gateway={gateway}
LinkLocalAddressing=no
IPv6AcceptRA=no
ConfigureWithoutCarrier=yes
"""


def files(
    name: str, address: str, gateway: str, hosts: Mapping[str, str], resolver: str
) -> dict[str, str]:
    """What makes the base image this host: paths beneath its root, and their text."""
    short = {host: host.partition(".")[0] for host in hosts}
    names = {
        host: f"{host} {short[host]}"
        if short[host] != host and list(short.values()).count(short[host]) == 1
        else host
        for host in hosts
    }
    lines = [f"{where} {names[host]}" for host, where in hosts.items()]
    return {
        "etc/hostname": f"{name}\n",
        "etc/hosts": "\n".join(["127.0.0.1 localhost", "::1 localhost ip6-localhost", *lines, ""]),
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/resolv.conf": resolver,
        # Sorted before 80-container-host0.network, which comes with systemd.
        "etc/systemd/network/10-host0.network": _NETWORK.format(address=address, gateway=gateway),
    }


def prepare(
    directory: Path, base: Path, content: Mapping[str, str], public_key: str
) -> tuple[Path, str]:
    """Make a host's root in a directory that doesn't exist yet: an overlay of the base image.

    public_key becomes that of root and of the two ordinary users. Gives the root and the host's
    own public key ("ssh-ed25519 AAAA...").
    """
    root = mounts.overlay(base, directory)
    for name, text in content.items():
        path = root / name
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
    for home in ("root", f"home/{OPERATOR}", f"home/{RESTRICTED}"):
        path = root / home / ".ssh" / "authorized_keys"
        path.write_text(public_key, encoding="utf-8")
        owner = (root / home).stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o600)
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    make_key(host_key)
    return root, " ".join(host_key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])


def make_key(path: Path) -> None:
    """Make an ed25519 key of ssh without passphrase; the public one is path with .pub."""
    processes.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "provision", "-f", path)


def nspawn(root: Path, machine: str, hostname: str, bridge: str) -> list[str]:
    """The command that boots a host (systemd-nspawn(1)).

    The filter lets in mlock: Telegraf locks the memory that holds a secret, and hangs without.
    """
    return [
        "systemd-nspawn",
        "--quiet",
        f"--directory={root}",
        "--boot",
        "--register=no",
        "--keep-unit",
        f"--machine={machine}",
        f"--hostname={hostname}",
        "--network-veth",
        f"--network-bridge={bridge}",
        "--system-call-filter=@memlock",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--console=read-only",
    ]


def start(
    argv: Sequence[str | Path],
    entered: Sequence[Path],
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own and within the cgroups of these cgroup.procs.

    Ctrl-C on the terminal does not reach it. Its output goes to the log.
    """
    command = ["sh", "-c", _ENTER, "sh", *map(str, entered), "--", *map(str, argv)]
    extra = environment or {}
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PATH": processes.search_path(), **extra},
        )
    _children.append(child)
    return child


def end_booting(place: Path, timeout: float = 5) -> None:
    """Kill what was started for hosts beneath a directory, in whatever cgroup it is.

    Whoever booted them may have been killed before their programs had entered their own. Raises
    ProvisionError if some do not end within timeout seconds.
    """
    processes.kill_all(partial(_named_in_arguments, f"{place}/"), place, timeout)


def _named_in_arguments(text: str) -> set[int]:
    """Programs of start() whose arguments have a text, this process and zombies left out."""
    found = set()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended
            continue
        booting = any(each.startswith(f"--directory={text}") for each in arguments)
        if booting and int(directory.name) != os.getpid():
            found.add(int(directory.name))
    return found


def reap() -> None:
    """Take note of the programs of start() that have ended, so that no zombie is left."""
    deadline = time.monotonic() + 1
    while any(child.poll() is None for child in _children) and time.monotonic() < deadline:
        time.sleep(0.01)
    _children[:] = [child for child in _children if child.returncode is None]


def boot(
    root: Path, machine: str, hostname: str, number: int, entered: Sequence[Path], log: Path
) -> subprocess.Popen[bytes]:
    """Boot a host; its console goes to the log."""
    # Of v2 a host would see no controller on a machine that has them in v1's hierarchies.
    hierarchy = "1" if cgroups.unified() else "0"
    return start(
        nspawn(root, machine, hostname, network.bridge_name(number)),
        entered,
        log,
        {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": hierarchy},
    )


def forget(machine: str, root: Path) -> None:
    """Delete what a killed systemd-nspawn leaves in /run. Call it before root is unmounted."""
    run = Path("/run/systemd/nspawn")
    mounts.delete(run / "propagate" / machine)
    if root.is_dir():
        status = root.stat()
        (run / "locks" / f"inode-{status.st_dev}:{status.st_ino}").unlink(missing_ok=True)


def wait_for_ssh(
    name: str,
    address: str,
    process: subprocess.Popen[bytes],
    log: Path,
    stopped: Callable[[], bool],
    timeout: float = 60,
) -> None:
    """Wait until ssh answers, timeout seconds at most.

    Raises ProvisionError with the end of the host's console if it ends or doesn't answer.
    """
    deadline = time.monotonic() + timeout
    while not _answers(address):
        if stopped():
            raise ProvisionError(f"{name}: its boot was interrupted")
        if process.poll() is not None:
            raise ProvisionError(f"{name} ended while it booted:\n{_end_of(log)}")
        if time.monotonic() > deadline:
            raise ProvisionError(f"{name} didn't boot within {timeout:g} s:\n{_end_of(log)}")
        time.sleep(0.03)


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _end_of(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)
    return "\n".join(f"  {line}" for line in plain.splitlines()[-15:] if line.strip())
