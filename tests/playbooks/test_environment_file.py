from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.provision import environment_file


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('A="quoted"\n', "quoted"),
        ("B=b\n  A=bare  \n", "bare"),
        ("A=first\nA=last\n", "last"),
        ("A='single'\n#A=no\n", "single"),
        ("A=with=more\n", "with=more"),
        ("AA=1\n", None),
        ("", None),
        (None, None),
    ],
)
def test_a_variable_is_read_as_systemd_reads_it(
    tmp_path: Path, text: str | None, value: str | None
) -> None:
    path = tmp_path / "environment"
    if text is not None:
        path.write_text(text)
    assert environment_file.value(str(path), "A") == value
