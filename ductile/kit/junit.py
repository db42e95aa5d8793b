"""A report as JUnit XML, as Jenkins, GitLab and their like read it."""

import re
from datetime import UTC, datetime
from socket import gethostname
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ductile.kit.finding import Finding, Verdict
from ductile.kit.show import shown
from ductile.kit.suite import Report
from ductile.model.clock import Millis

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, escaped or not."""


def junit(report: Report, now: Millis) -> bytes:
    """The document; each case is a test case of the class `ductile.<plugin>`."""
    root = Element("testsuites")
    at = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = SubElement(
        root,
        "testsuite",
        id="0",
        package="ductile",
        name=f"ductile.{_clean(report.plugin)}",
        timestamp=at,
        hostname=_clean(gethostname()) or "localhost",
        tests=str(len(report.findings)),
        failures=str(report.count(Verdict.FAILED)),
        errors="0",
        skipped=str(report.count(Verdict.SKIPPED)),
        time=f"{report.seconds:.3f}",
    )
    SubElement(suite, "properties")
    for finding in report.findings:
        _case(suite, report, finding)
    SubElement(suite, "system-out")
    SubElement(suite, "system-err")
    indent(root)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _case(suite: Element, report: Report, finding: Finding) -> None:
    seen, text = finding.seen, report.redactor.text
    case = SubElement(
        suite,
        "testcase",
        name=_clean(finding.name),
        classname=f"ductile.{_clean(report.plugin)}",
        time=f"{finding.seconds:.3f}",
    )
    if seen.verdict is Verdict.SKIPPED:
        SubElement(case, "skipped", message=_clean(text(seen.said)))
    elif seen.verdict is Verdict.FAILED:
        failure = SubElement(case, "failure", message=_clean(text(seen.said)), type=finding.case)
        parts = shown(seen.exchange) if seen.exchange else {}
        body = [f"{name}: {text(value)}" for name, value in parts.items()]
        failure.text = _clean("\n".join([text(seen.said), *body, f"rule: {finding.rule}", f"fix: {seen.fix}"]))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
