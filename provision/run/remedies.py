"""What to do about a failure that Ansible or ssh tells of in words of its own."""

from __future__ import annotations

import re

# What Ansible says of a user who may not become root (its become plugin sudo), and what helps.
_FAILURES = {
    "Missing sudo password": "let it be asked for: -K",
    "Incorrect sudo password": "give the one that sudo wants on this host: -K asks for it",
    "is not in the sudoers file": "connect as a user who may become root (-u)",
    "killed on the host": "see who does that (journalctl -k tells of memory), then run again",
    "Timed out after": "see on the host what it is at (systemctl status, top), then run again",
}
# What ssh says (OpenSSH's sources, and sshd of other makes), the first that fits.
_UNREACHABLE = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "find out why its key is another: where it was set up"
    " anew, {forget} and log in once by hand; else somebody may be in between",
    "Host key verification failed": "log in once by hand (ssh {address}) and see that its key is"
    " the right one",
    "Permission denied": "name the user and key that it lets in (-u, --private-key; -k asks for a"
    " password)",
    "Could not resolve hostname": "put the name right, or say where it is: ansible_host",
    "Connection refused": "see that sshd runs there, and on which port: ansible_port",
}
_ELSE = "see that it runs and that ssh gets in (-u, --private-key)"
#: What helps the others of a run, where there are any.
LEAVE_OUT = ", or leave it out: --limit '!{host}'"
# How ssh itself says what to do, with the name under which it knows the host.
_FORGET = re.compile(r"ssh-keygen -f \S+ -R \S+")
_FORGETS = "ssh-keygen -R …"
# The name, and the port where it is another than ssh's, by which it looks for the key of a host.
_UNKNOWN = re.compile(r"host key is known for (?:\[(\S+)\]:(\d+)|(\S+)) and you have requested")
# Of a module that said nothing at all before it ended.
_NO_RESULT = re.compile(
    r"Module result deserialization failed: No start of json char found\.?|^MODULE FAILURE.*", re.S
)
# The frames of a Python program that a host which goes down has ended; its last line tells enough.
_FRAMES = re.compile(r"Traceback \(most recent call last\):\s*\n(?:[ \t]+.*\n?)*")
_WHY = re.compile(
    r"(?:Failed to connect to the host via ssh|SSH Error|Data could not be sent[^:]*):"
)


def remedy(host: str, said: str, unreachable: bool) -> str | None:
    """What to do about a failure that is told by Ansible itself; None where that is not known."""
    if unreachable:
        found = next((what for words, what in _UNREACHABLE.items() if words in said), _ELSE)
        forget = _FORGET.search(said)
        forgets = f"`{forget.group(0) if forget else _FORGETS}`"
        found = found.format(address=_address(host, said), forget=forgets)
        return f"{found}{LEAVE_OUT.format(host=host)}"
    return next((what for words, what in _FAILURES.items() if words in said), None)


def _address(host: str, said: str) -> str:
    """How ssh is told to go to a host, as far as it says so of a key that it does not know."""
    match = _UNKNOWN.search(said)
    if match is None:
        return host
    at, port, alone = match.groups()
    return f"-p {port} {at}" if port else str(alone)


def of_failure(said: str) -> str:
    """What Ansible says of a task that failed, in words of ours where its own are none."""
    return _NO_RESULT.sub("A module was killed on the host.", said.removeprefix("Task failed: "))


def plain(said: str) -> str:
    """What Ansible says of a host that is not reached, without its preambles and ssh's frames."""
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
        key = re.search(r"\S+ key sent by the remote host is\s+(\S+?)\.?\s", said)
        return f"Its host key has changed{f', to {key.group(1)}' if key else ''}."
    text = _FRAMES.sub("", _WHY.sub(" ", said.removeprefix("Task failed: ")))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    kept = [
        line
        for line in lines
        if line and not line.startswith(("Warning:", "@", "debug1:", "mux_client_"))
    ]
    return " ".join(kept) or said
