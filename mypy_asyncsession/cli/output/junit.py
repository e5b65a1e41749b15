"""JUnit's XML, for whatever shows the results of tests."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mypy_asyncsession.cli.output import coverage
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal


def lines(report: Report, _terminal: Terminal) -> Iterator[str]:
    """A suite for each file with findings, and in it a failed test for each of these.

    What was not checked is a test that could not run, or that was skipped where that is allowed.
    Without any of these it is one test, which has passed: a file without tests looks to most
    readers as if nothing had run.
    """
    number = len(report.findings)
    unchecked = list(coverage.notes(report))
    root = ET.Element(
        "testsuites",
        name="mypy-asyncsession",
        tests=str(number + len(unchecked) or 1),
        failures=str(number),
        errors=str(len(unchecked) if report.incomplete else 0),
    )
    for path, group in groupby(report.findings, key=lambda found: found.path):
        findings = list(group)
        suite = _suite(root, path, tests=len(findings), failures=len(findings))
        for found in findings:
            place = f"{path}:{found.span.line}"
            case = ET.SubElement(
                suite,
                "testcase",
                name=_text(f"{found.code} at {place}:{found.span.column + 1}"),
                classname=_text(path),
                file=_text(path),
                line=str(found.span.line),
            )
            failure = ET.SubElement(case, "failure", type=found.code, message=_text(found.message))
            failure.text = _text("\n".join(filter(None, (f"{place}: {found.message}", found.hint))))
    if unchecked:
        kind = "error" if report.incomplete else "skipped"
        counts = {"errors" if report.incomplete else "skipped": len(unchecked)}
        suite = _suite(root, "not checked", tests=len(unchecked), **counts)
        for problem in unchecked:
            case = ET.SubElement(
                suite,
                "testcase",
                name=_text(f"not checked: {problem.path}"),
                classname=_text(problem.path),
                file=_text(problem.path),
                line=str(max(problem.line, 1)),
            )
            ET.SubElement(case, kind, message=_text(problem.message))
    if not number and not unchecked:
        suite = _suite(root, "mypy-asyncsession", tests=1)
        ET.SubElement(suite, "testcase", name="check", classname="mypy-asyncsession")
    ET.indent(root)
    # In ASCII, so that it says the same in whatever encoding it is printed.
    yield ET.tostring(root, encoding="us-ascii", xml_declaration=True).decode("ascii")


def _suite(root: ET.Element, name: str, **counts: int) -> ET.Element:
    """A suite with its counts; those that are left out are 0."""
    numbers = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0) | counts
    attributes = {key: str(number) for key, number in numbers.items()}
    return ET.SubElement(root, "testsuite", {"name": _text(name), **attributes})


def _text(text: str) -> str:
    """*text* without the characters that XML has no way to write."""
    return "\n".join(printable(line, keep="\t") for line in text.split("\n"))
