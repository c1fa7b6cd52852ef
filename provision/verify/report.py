"""Findings for people, for programs and for CI."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from provision.output import out, show_table, shown, table
from provision.verify.findings import Area, Finding, Status, worst_first

_COLOURS = {
    Status.FAILED: "red",
    Status.WARNING: "yellow",
    Status.UNSEEN: "cyan",
    Status.OK: "green",
}
# What XML 1.0 cannot hold (section 2.2), whatever a bucket had in it.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def show(findings: Sequence[Finding], *, everything: bool) -> None:
    """A table, the worst first; what is as it should be is only counted, unless asked for."""
    listing = table("", "what", "host", "name", "seen")
    ordered = worst_first(findings)
    rows = [f for f in ordered if everything or f.status is not Status.OK]
    for finding in rows:
        colour = _COLOURS[finding.status]
        listing.add_row(
            f"[{colour}]{finding.status}[/{colour}]",
            finding.area,
            shown(finding.host),
            shown(finding.name),
            shown(finding.detail),
        )
    if rows:
        show_table(listing)
    counts = Counter(finding.status for finding in findings)
    out.print(", ".join(f"{counts[status]} {status}" for status in Status))
    for area in Area:
        of_area = [finding for finding in findings if finding.area is area]
        if of_area:
            fine = sum(finding.status is Status.OK for finding in of_area)
            out.print(f"  {area}: {fine} of {len(of_area)} as they should be")


def as_json(findings: Sequence[Finding]) -> str:
    """One object with the number of each status and all findings."""
    counts = Counter(finding.status for finding in findings)
    data = {
        "counts": {status.value: counts[status] for status in Status},
        "findings": [
            {
                "status": finding.status.value,
                "area": finding.area.value,
                "host": finding.host,
                "name": finding.name,
                "detail": finding.detail,
            }
            for finding in worst_first(findings)
        ],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def as_junit(findings: Sequence[Finding]) -> str:
    """JUnit's XML: a suite for each area; warnings and what was not seen are skipped, not failed.

    Source: the schema that CI systems share, github.com/testmoapp/junitxml.
    """
    root = ElementTree.Element("testsuites", name="provision verify")
    for area in Area:
        of_area = [finding for finding in worst_first(findings) if finding.area is area]
        if not of_area:
            continue
        counts = Counter(finding.status for finding in of_area)
        skipped = counts[Status.WARNING] + counts[Status.UNSEEN]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=area.value,
            tests=str(len(of_area)),
            failures=str(counts[Status.FAILED]),
            errors="0",
            skipped=str(skipped),
        )
        for finding in of_area:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=_xml(f"{area}.{finding.host}" if finding.host else area.value),
                name=_xml(finding.name),
            )
            if finding.status is Status.FAILED:
                ElementTree.SubElement(case, "failure", message=_xml(finding.detail))
            elif finding.status is not Status.OK:
                message = _xml(f"{finding.status}: {finding.detail}")
                ElementTree.SubElement(case, "skipped", message=message)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
