from __future__ import annotations

import pytest

from provision.errors import ProvisionError
from provision.output import note, out, show_error, show_table, shown, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[red]x[/red]", "[red]x[/red]"),
        ("[/]", "[/]"),
        ("\\[x]", "\\[x]"),
        ("2001:db8:a::1", "2001:db8:a::1"),
        (":smile:", ":smile:"),
        ("a\x1b[2Jb\x9b\x07\r", "a\ufffd[2Jb\ufffd\ufffd\ufffd"),
        ("a\n\tb é", "a\n        b é"),
        (7, "7"),
    ],
)
def test_any_text_is_printed_as_it_is_but_for_control_characters(
    capsys: pytest.CaptureFixture[str], text: object, expected: str
) -> None:
    out.print(shown(text))
    assert capsys.readouterr().out == f"{expected}\n"


def test_an_error_and_its_remedy_are_lines_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_error(ProvisionError("no [host] :b:\x1b", remedy="add [it]"))
    show_error(ProvisionError("x"))
    note("[note]")
    captured = capsys.readouterr()
    assert captured.err == "error: no [host] :b:\ufffd\nremedy: add [it]\nerror: x\n[note]\n"
    assert captured.out == ""


def test_where_nobody_looks_a_long_line_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    out.print("word " * 200)
    listing = table("a", "b")
    listing.add_row("x" * 100, "y" * 100)
    show_table(listing)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].split() == ["x" * 100, "y" * 100]
