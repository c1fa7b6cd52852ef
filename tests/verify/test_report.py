from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.verify.findings import Area, Finding, Status
from provision.verify.report import as_json, as_junit, show

FAULT = Finding(Status.FAILED, Area.METRIC, "w1", "realm.<hostname>.x (gauge)", "never seen")
STRANGER = Finding(
    Status.WARNING, Area.UNDOCUMENTED, "w2", 'a"b<c>&\x1b[2J]]>\x00', "in no catalog"
)
UNSEEN = Finding(Status.UNSEEN, Area.METRIC, "w1", "b", "never seen")
FINE = Finding(Status.OK, Area.PANEL, "", "realm: Sessions", "answers, 3 points")
FINDINGS = [FINE, UNSEEN, STRANGER, FAULT]
FINDING = st.builds(
    Finding,
    st.sampled_from(Status),
    st.sampled_from(Area),
    st.text(),
    st.text(st.characters(exclude_categories=())),
    st.text(st.characters(exclude_categories=())),
)


def test_json_has_every_finding_the_worst_first_and_the_counts() -> None:
    told = json.loads(as_json(FINDINGS))
    assert told["counts"] == {"failed": 1, "warning": 1, "not seen": 1, "ok": 1}
    assert [each["name"] for each in told["findings"]] == [
        f.name for f in (FAULT, STRANGER, UNSEEN, FINE)
    ]
    assert told["findings"][1] == {
        "status": "warning",
        "area": "undocumented",
        "host": "w2",
        "name": STRANGER.name,
        "detail": "in no catalog",
    }
    assert json.loads(as_json([]))["counts"]["failed"] == 0


def test_junit_has_a_suite_for_each_area_with_its_counts() -> None:
    root = ElementTree.fromstring(as_junit(FINDINGS))
    assert (root.tag, root.get("name")) == ("testsuites", "provision verify")
    assert {suite.tag for suite in root} == {"testsuite"}
    counts = {
        suite.get("name"): [suite.get(key) for key in ("tests", "failures", "errors", "skipped")]
        for suite in root
    }
    assert counts == {
        "metric": ["2", "1", "0", "1"],
        "undocumented": ["1", "0", "0", "1"],
        "panel": ["1", "0", "0", "0"],
    }
    for suite in root:
        assert len(suite.findall("testcase")) == int(suite.get("tests", 0))


def test_junit_fails_what_failed_and_skips_what_was_not_seen() -> None:
    root = ElementTree.fromstring(as_junit(FINDINGS))
    cases = {
        (case.get("classname"), case.get("name")): [(e.tag, e.get("message")) for e in case]
        for case in root.iter("testcase")
    }
    name = STRANGER.name.replace("\x1b", "\ufffd").replace("\x00", "\ufffd")
    assert cases == {
        ("metric.w1", FAULT.name): [("failure", "never seen")],
        ("metric.w1", "b"): [("skipped", "not seen: never seen")],
        ("undocumented.w2", name): [("skipped", "warning: in no catalog")],
        ("panel", FINE.name): [],
    }


def test_junit_of_nothing_is_whole_too() -> None:
    root = ElementTree.fromstring(as_junit([]))
    assert (root.tag, len(root)) == ("testsuites", 0)


@given(st.lists(FINDING, max_size=4))
def test_no_text_breaks_junit(findings: list[Finding]) -> None:
    """Attributes are normalized: white space that a reader keeps is written as a reference."""
    text = as_junit(findings)
    root = ElementTree.fromstring(text.encode("utf-8"))
    cases = list(root.iter("testcase"))
    assert len(cases) == len(findings)
    failures = [case for case in cases if case.find("failure") is not None]
    assert len(failures) == sum(f.status is Status.FAILED for f in findings)


@given(st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cn"))))
def test_a_name_stays_what_it_is_in_junit(name: str) -> None:
    finding = Finding(Status.OK, Area.METRIC, "", name, "")
    (case,) = ElementTree.fromstring(as_junit([finding])).iter("testcase")
    assert case.get("name") == name.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


@given(FINDING)
def test_no_text_breaks_json(finding: Finding) -> None:
    (told,) = json.loads(as_json([finding]))["findings"]
    assert (told["name"], told["detail"]) == (finding.name, finding.detail)


def shown(
    capsys: pytest.CaptureFixture[str], findings: list[Finding], *, everything: bool
) -> list[str]:
    show(findings, everything=everything)
    return capsys.readouterr().out.splitlines()


def test_a_person_sees_what_is_not_as_it_should_be_the_worst_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(capsys, FINDINGS, everything=False)
    assert lines[0].split() == ["what", "host", "name", "seen"]
    assert [line.split()[0] for line in lines[1:4]] == ["failed", "warning", "not"]
    assert "realm.<hostname>.x (gauge)" in lines[1]
    assert lines[4] == "1 failed, 1 warning, 1 not seen, 1 ok"
    assert lines[5:] == [
        "  metric: 0 of 2 as they should be",
        "  undocumented: 0 of 1 as they should be",
        "  panel: 1 of 1 as they should be",
    ]


def test_a_person_sees_everything_who_asks_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, FINDINGS, everything=True)
    assert [line.split()[0] for line in lines[1:5]] == ["failed", "warning", "not", "ok"]
    assert "realm: Sessions" in lines[4]


def test_where_nothing_is_wrong_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, [FINE], everything=False) == [
        "0 failed, 0 warning, 0 not seen, 1 ok",
        "  panel: 1 of 1 as they should be",
    ]


def test_a_bucket_gives_a_terminal_no_orders_and_is_no_markup(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "[red]a[/red]:smile:\x1b]0;owned\x07\x9b2J"
    stranger = Finding(Status.WARNING, Area.UNDOCUMENTED, "2001:db8:a::1", name, "in no catalog")
    (_, line, *_) = shown(capsys, [stranger], everything=False)
    assert "[red]a[/red]:smile:\ufffd]0;owned\ufffd\ufffd2J" in line
    assert "2001:db8:a::1" in line
