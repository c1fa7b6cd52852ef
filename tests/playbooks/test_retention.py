from __future__ import annotations

import pytest
from ansible.module_utils.provision import retention


@pytest.mark.parametrize(
    ("current", "wanted", "why", "warning"),
    [
        (2592000, 604800, "it keeps points for 30 d, not for 7 d",
         "points that are older than 7 d are deleted for good (23 d less than now)"),
        (604800, 3600, "it keeps points for 7 d, not for 1 h",
         "points that are older than 1 h are deleted for good (6 d 23 h less than now)"),
        (0, 86400, "it keeps points for ever, not for 1 d",
         "points that are older than 1 d are deleted for good (they were for ever)"),
        (86400, 0, "it keeps points for 1 d, not for ever", None),
        (86400, 129600, "it keeps points for 1 d, not for 1 d 12 h", None),
    ],
)  # fmt: skip
def test_what_a_change_of_retention_deletes(
    current: int, wanted: int, why: str, warning: str | None
) -> None:
    told = retention.change(current, wanted)
    assert (told["why"], told.get("warning")) == (why, warning)
