from __future__ import annotations

import pytest
from ansible.module_utils.provision import unread

URL = "http://10.0.0.1:8000/debian"
OURS = {"name": "influxdata", "url": URL}
OTHER = "W: Failed to fetch http://deb.debian.org/x  404  Not Found\n"


def test_what_is_about_another_repository_does_not_matter() -> None:
    assert unread.of(OURS, "Hit:1 " + URL + " stable InRelease\n" + OTHER) is None


@pytest.mark.parametrize(
    ("said", "words", "about_key"),
    [
        (f"Err:1 {URL} stable InRelease\n  Could not connect to 10.0.0.1:8000 (refused)",
         "this host reaches the URL", False),
        (f"Err:2 {URL} stable Release\n  404  Not Found [IP: 10.0.0.1 8000]", "right URL", False),
        (f"Err:1 {URL} stable InRelease\n  Could not resolve 'mirror'", "DNS", False),
        (f"E: Release file for {URL}/dists/stable/InRelease is expired (invalid since 2 years)",
         "kept up to date", False),
        (f"E: Release file for {URL}/dists/stable/InRelease is not valid yet (invalid for 9 y)",
         "clock is behind", False),
        (f"E: Failed to fetch {URL}/dists/stable/Packages  Hash Sum mismatch", "mirror", False),
        (f"W: GPG error: {URL} stable InRelease: The following signatures couldn't be verified"
         " because the public key is not available: NO_PUBKEY AB", "by the pinned", True),
        (f"W: GPG error: {URL} stable InRelease: EXPKEYSIG AB InfluxData", "has expired", True),
    ],
)  # fmt: skip
def test_a_cause_has_a_remedy(said: str, words: str, about_key: bool) -> None:
    error = unread.of(OURS, OTHER + said + "\n" + OTHER)
    assert error is not None
    assert words in error.remedy
    assert error.about_key is about_key
    assert all(part.strip() in error.message for part in said.splitlines())
    assert "deb.debian.org" not in error.message
