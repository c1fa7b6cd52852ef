from __future__ import annotations

import pytest
from ansible.module_utils.provision import versions


@pytest.mark.parametrize(
    ("version", "wanted", "fit"),
    [
        ("1.39.3-1", "1.39.3", True),
        ("1.39.3-1", "1.39", True),
        ("1.39.3-1", "1.3", False),
        ("1:2.7.1-1", "2.7.1", True),
        ("1.39.3~rc1-1", "1.39.3", False),
        ("1.39.3~rc1-1", "1.39.3~rc1", True),
        ("1.39.30-1", "1.39.3", False),
        ("1.39.3+b1", "1.39.3", True),
        ("1.39.3a-1", "1.39.3", False),
        ("1:2.7.1-1", "1", False),
        ("1:2.7.1-1", "1:2.7.1", True),
        ("2.0", "2.0", True),
        ("2.0", "3", False),
    ],
)
def test_versions(version: str, wanted: str, fit: bool) -> None:
    assert versions.fits(version, wanted) is fit
