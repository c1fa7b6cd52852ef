"""Rehearsals: sets of throwaway hosts, real systemd machines on a network of their own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from provision import paths
from provision.errors import ProvisionError
from provision.rehearsal import apt, cgroups, locks, machine, mounts, network, processes
from provision.rehearsal import state as states
from provision.rehearsal.progress import Progress
from provision.rehearsal.state import Process, State
from provision.rehearsal.threads import concurrently

DEFAULT_NAME = "rehearsal"
# More that boot at once keep each other waiting until some are given up.
BOOT_AT_ONCE = 8
_PROGRAMS = (
    *("systemd-nspawn", "ip", "iptables", "mount", "umount", "ssh", "ssh-keygen"),
    *("rm", "sh"),
)


@dataclass(frozen=True)
class Host:
    """A host: its name, IPv4 address, and where its file system is on this machine."""

    name: str
    address: str
    root: Path


class Rehearsal:
    """A set of running hosts. As a context manager it is taken down at the end, unless kept."""

    def __init__(self, directory: Path, state: State) -> None:
        assert state.number is not None
        self.directory = directory
        self.name = state.name
        self.gateway = network.gateway(state.number)
        self.ssh_key = directory / "ssh_key"
        self.known_hosts = directory / "known_hosts"
        self.hosts = tuple(
            Host(name, address, directory / "hosts" / name / "root")
            for name, address in state.hosts.items()
        )
        self._state = state

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._state.kept:
            self.down()

    def keep(self) -> None:
        """Leave it standing, until down(): for a person to look at."""
        self._state.kept = True
        self._state.write(self.directory)

    def host(self, name: str) -> Host:
        """The host of that name. Raises KeyError if there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def ssh(self, host: str, user: str = "root", *, standing: bool = False) -> list[str]:
        """The command that a remote command line is appended to.

        With standing it goes over the connection that Ansible has to the host, if there is one.
        """
        path = ("-o", f"ControlPath={self.control_path}") if standing else ()
        return [
            "ssh",
            *("-F", "none", "-i", str(self.ssh_key), "-l", user, *path),
            *("-o", f"UserKnownHostsFile={as_option(self.known_hosts)}"),
            *("-o", "IdentitiesOnly=yes"),
            *("-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes"),
            *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR"),
            self.host(host).address,
        ]

    @property
    def control_path(self) -> str:
        """Where ssh keeps the sockets of connections that are shared (ssh_config(5), ControlPath).

        "none" where the path would be too long for a socket (unix(7): 108 bytes), of which ssh
        takes up 17 while it makes one.
        """
        longest = os.fsencode(self.directory / "root@255.255.255.255:22")
        return "none" if len(longest) + 17 >= 108 else as_option(self.directory, "/%r@%h:%p")

    def execute(
        self,
        host: str,
        *argv: str,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 60,
        user: str = "root",
        standing: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a host, over ssh (standing: as in ssh()); timeout in seconds.

        Raises ProvisionError with what it said if check is set and it fails, or if it takes longer.
        """
        try:
            result = processes.run(
                *self.ssh(host, user, standing=standing),
                shlex.join(argv),
                check=False,
                stdin=stdin,
                timeout=timeout,
            )
        except ProvisionError as error:
            raise ProvisionError(f"{host}: {shlex.join(argv)[:80]}: {error.message}") from error
        if check and result.returncode != 0:
            lines = (result.stdout + result.stderr).splitlines()
            failed = processes.failure([shlex.join(argv)[:80]], result.returncode, lines)
            raise ProvisionError(f"{host}: {failed.message}")
        return result

    def start(
        self, what: str, argv: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start a program on this machine that lasts as long as the rehearsal, and ends with it.

        what names it in the record, and its log in the directory: <what>.log.
        """
        entered = cgroups.create(self._state.group / what)
        started = machine.start(argv, entered, self.directory / f"{what}.log", environment)
        process = Process.of(started.pid)
        if process is None:
            raise ProvisionError(f"{argv[0]} ended at once, see {self.directory / what}.log")
        self._state.processes[what] = process
        self._state.write(self.directory)
        return process

    def boot_again(self, host: str) -> None:
        """Boot a host that ended (it was rebooted or switched off), with the disk that it had.

        systemd-nspawn with --keep-unit leaves it to whoever started it. Raises ProvisionError if
        it does not end by itself, or does not boot.
        """
        name, group = f"host-{host}", self._state.group / host
        earlier = self._state.processes[name]
        deadline = time.monotonic() + 60
        while earlier.alive:
            if time.monotonic() > deadline:
                raise ProvisionError(f"{host} does not end")
            time.sleep(0.05)
        _close_connections(self.directory, f"*@{self.host(host).address}:*")
        cgroups.kill(group)
        assert self._state.number is not None
        root, log = self.host(host).root, self.directory / f"{name}.log"
        started = machine.boot(
            root, self._state.machine(host), host, self._state.number, cgroups.create(group), log
        )
        if process := Process.of(started.pid):
            self._state.processes[name] = process
            self._state.write(self.directory)
        machine.wait_for_ssh(host, self.host(host).address, started, log, lambda: False)

    def port(self, host: str) -> str:
        """The interface of this machine at which a host's cable ends."""
        return f"vb-{self._state.machine(host)}"

    def close_connections(self) -> None:
        """End the ssh connections that stand, so that the next ones begin anew."""
        _close_connections(self.directory, "*@*:*")

    def down(self) -> None:
        """Delete the hosts and everything that was made for them. It may be called again."""
        _take_down(self.directory)


def as_option(path: Path, name: str = "") -> str:
    """A path as the value of an option of ssh, which takes blanks and % for its own.

    name follows it, and may have ssh's tokens (ssh_config(5), TOKENS).
    """
    return '"{}{}"'.format(str(path).replace("%", "%%"), name)


def rehearsals(cache: Path | None = None) -> Path:
    """The directory of all rehearsals."""
    return (cache or paths.cache()) / "rehearsals"


def standing(cache: Path | None = None) -> list[str]:
    """The names of the rehearsals of which anything is left."""
    directory = rehearsals(cache)
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def up(
    names: Sequence[str],
    *,
    name: str = DEFAULT_NAME,
    cache: Path,
    progress: Progress,
    base: Path,
) -> Rehearsal:
    """Boot hosts of these names from the base image: 1 to 5 seconds.

    Whatever goes wrong, and also on Ctrl-C, nothing is left of it. What an ended process left of a
    rehearsal of that name is taken down first. Raises ProvisionError without root or a program
    that it needs, if one of that name stands, or if a host doesn't boot.
    """
    processes.require_root(purpose="a rehearsal")
    processes.require(_PROGRAMS, purpose="a rehearsal")
    states.check_names(name, tuple(names))
    directory = rehearsals(cache).resolve() / name
    state = _claim(directory, name)
    try:
        with progress.step(f"{len(names)} {'host' if len(names) == 1 else 'hosts'}"):
            with locks.exclusive(locks.MACHINE):
                number = network.free(network.networks_in_use(), network.interfaces())
                state.number = number
                state.hosts = {host: network.address(number, i) for i, host in enumerate(names)}
                state.write(directory)
                network.set_up(number, directory)
            _boot_all(directory, state, base)
            rehearsal = Rehearsal(directory, state)
            concurrently(*(partial(_wait_until_booted, rehearsal, host) for host in names))
            state.ready = True
            state.write(directory)
            return rehearsal
    except BaseException:
        _take_down(directory)
        raise


def attach(name: str = DEFAULT_NAME, *, cache: Path | None = None) -> Rehearsal | None:
    """A rehearsal that stands, as another process left it; None if none of that name does."""
    directory = rehearsals(cache).resolve() / name
    state = states.read(directory)
    if state is None or not state.ready or state.number is None:
        return None
    if not all((p := state.processes.get(f"host-{host}")) and p.alive for host in state.hosts):
        return None
    return Rehearsal(directory, state)


def down(name: str | None = DEFAULT_NAME, *, cache: Path | None = None) -> list[str]:
    """Take down the rehearsal of that name, or all if it is None, whoever started them.

    Gives the names of those of which there was anything; calling it again does nothing.
    """
    processes.require_root(purpose="taking a rehearsal down")
    names = [one for one in standing(cache) if name in (None, one)]
    for one in names:
        _take_down(rehearsals(cache).resolve() / one)
    return names


def _claim(directory: Path, name: str) -> State:
    """A fresh directory and record for a rehearsal of this process."""
    creator = Process.of(os.getpid())
    assert creator is not None
    with locks.exclusive(locks.MACHINE):
        earlier = states.read(directory)
        if earlier and (earlier.kept or earlier.creator.alive):
            raise ProvisionError(
                f"the rehearsal {name!r} stands already, in {directory}"
                f" ({', '.join(earlier.hosts) or 'it is being set up'})",
                remedy="take it down first: provision rehearse --down",
            )
    if directory.exists():
        _take_down(directory)
    with locks.exclusive(locks.MACHINE):
        try:
            directory.mkdir(parents=True, mode=0o700)
        except FileExistsError as error:
            raise ProvisionError(f"the rehearsal {name!r} is being started elsewhere") from error
        state = State(name=name, creator=creator)
        state.write(directory)
    return state


def _boot_all(directory: Path, state: State, base: Path) -> None:
    number = state.number
    assert number is not None
    machine.make_key(directory / "ssh_key")
    public_key = (directory / "ssh_key.pub").read_text(encoding="utf-8")
    resolver = apt.resolver()
    stopped = threading.Event()
    known: dict[str, str] = {}

    def boot(name: str, address: str) -> None:
        """Boot one of them, and wait until it can be reached over ssh."""
        content = machine.files(name, address, network.gateway(number), state.hosts, resolver)
        place = directory / "hosts" / name
        root, known[name] = machine.prepare(place, base, content, public_key)
        log = directory / f"host-{name}.log"
        entered = cgroups.create(state.group / name)
        if stopped.is_set():
            return
        started = machine.boot(root, state.machine(name), name, number, entered, log)
        if process := Process.of(started.pid):
            state.processes[f"host-{name}"] = process
            state.write(directory)
        machine.wait_for_ssh(name, address, started, log, stopped.is_set)

    concurrently(
        *(partial(boot, *host) for host in state.hosts.items()),
        interrupt=stopped.set,
        at_once=BOOT_AT_ONCE,
    )
    lines = [f"{name},{state.hosts[name]} {key}\n" for name, key in known.items()]
    (directory / "known_hosts").write_text("".join(lines), encoding="utf-8")


def _wait_until_booted(rehearsal: Rehearsal, host: str) -> None:
    # ssh answers root before that, but turns others away. The status is not 0 if a unit failed.
    rehearsal.execute(host, "systemctl", "is-system-running", "--wait", check=False)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C waits, and so do kill and hang-up: half a clean-up is none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _close_connections(directory: Path, pattern: str) -> None:
    """End the ssh that holds a connection for others, which would wait for its host in vain."""
    for socket in directory.glob(pattern):
        processes.run(
            *("ssh", "-F", "none", "-o", f"ControlPath={as_option(socket)}", "-O", "exit", "host"),
            check=False,
        )


def _take_down(directory: Path) -> None:
    """Take down what the record in a directory tells of, then delete the directory."""
    with _no_interrupt(), locks.exclusive(locks.MACHINE):
        state = states.read(directory)
        if state is not None and state.number is not None:
            for process in state.processes.values():
                if process.alive:
                    os.kill(process.pid, signal.SIGKILL)
            cgroups.kill(state.group)
            machine.end_booting(directory / "hosts")
            _close_connections(directory, "*@*:*")
            network.tear_down(state.number)
            for host in state.hosts:
                machine.forget(state.machine(host), directory / "hosts" / host / "root")
        machine.reap()
        mounts.delete(directory)
        if state is not None and state.number is not None:
            cgroups.remove(state.group)
