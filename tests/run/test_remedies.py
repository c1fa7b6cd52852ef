from __future__ import annotations

import pytest

from provision.run.remedies import of_failure, plain, remedy

# As OpenSSH 9.2 and ansible-core 2.19 say it.
CHANGED = """Task failed: Failed to connect to the host via ssh: @@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ED25519 key sent by the remote host is
SHA256:E4IeGYmCqI75XW6TcigOiziT.
Please contact your system administrator.
Offending ED25519 key in /known:2
  remove with:
  ssh-keygen -f "/known" -R "192.0.2.1"
Host key verification failed."""


def test_a_changed_host_key_is_told_in_a_line_with_what_ssh_would_do() -> None:
    assert plain(CHANGED) == "Its host key has changed, to SHA256:E4IeGYmCqI75XW6TcigOiziT."
    said = remedy("w1", CHANGED, unreachable=True) or ""
    assert '`ssh-keygen -f "/known" -R "192.0.2.1"`' in said and "--limit '!w1'" in said


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [("192.0.2.7", "ssh 192.0.2.7"), ("[192.0.2.7]:2222", "ssh -p 2222 192.0.2.7"), ("", "ssh w1")],
)
def test_a_key_that_is_not_known_is_looked_at_where_ssh_went(name: str, by_hand: str) -> None:
    known = f"No ED25519 host key is known for {name} and you have requested strict checking.\n"
    said = (known if name else "") + "Host key verification failed."
    assert f"({by_hand})" in (remedy("w1", said, unreachable=True) or "")


@pytest.mark.parametrize(
    ("said", "text", "what"),
    [
        ("Task failed: Failed to connect to the host via ssh: a@b: Permission denied (publickey).",
         "a@b: Permission denied (publickey).", "--private-key"),
        ("Failed to connect to the host via ssh: ssh: connect to host b port 22: No route to host",
         "ssh: connect to host b port 22: No route to host", "see that it runs"),
        ("Failed to connect to the host via ssh: Timeout, server b not responding.",
         "Timeout, server b not responding.", "see that it runs"),
        ("Failed to connect to the host via ssh: Host key verification failed.",
         "Host key verification failed.", "(ssh w1)"),
        ("", "", "see that it runs"),
    ],
)  # fmt: skip
def test_what_ssh_says_is_kept_and_has_a_remedy(said: str, text: str, what: str) -> None:
    assert plain(said) == text
    assert what in (remedy("w1", said, unreachable=True) or "")


def test_a_module_that_was_killed_is_told_in_words() -> None:
    said = "Task failed: Module result deserialization failed: No start of json char found"
    assert of_failure(f"{said} The old files are back.") == (
        "A module was killed on the host. The old files are back."
    )
    assert "memory" in (remedy("w1", of_failure(said), unreachable=False) or "")
    assert of_failure("Task failed: apt is busy") == "apt is busy"
    assert remedy("w1", "apt is busy", unreachable=False) is None


def test_the_frames_of_a_module_that_went_down_with_its_host_are_left_out() -> None:
    said = (
        "Failed to connect to the host via ssh: Traceback (most recent call last):\n"
        '  File "<stdin>", line 107, in <module>\n'
        "    main()\n"
        "BrokenPipeError: [Errno 32] Broken pipe\n"
        "Connection to b closed by remote host.\n"
    )
    assert plain(said) == (
        "BrokenPipeError: [Errno 32] Broken pipe Connection to b closed by remote host."
    )
