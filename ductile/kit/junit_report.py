"""A report as JUnit XML, as Jenkins, GitLab and their like read it."""

import re
from datetime import UTC, datetime
from socket import gethostname
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ductile.kit.case_result import CaseResult, Verdict
from ductile.kit.conformance import Report
from ductile.kit.text_report import exchange_fields
from ductile.model.clock import Millis

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, escaped or not."""


def junit_xml(report: Report, now: Millis) -> bytes:
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
        tests=str(len(report.case_results)),
        failures=str(report.count(Verdict.FAILED)),
        errors="0",
        skipped=str(report.count(Verdict.SKIPPED)),
        time=f"{report.seconds:.3f}",
    )
    SubElement(suite, "properties")
    for case_result in report.case_results:
        _add_case(suite, report, case_result)
    SubElement(suite, "system-out")
    SubElement(suite, "system-err")
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_case(suite: Element, report: Report, case_result: CaseResult) -> None:
    observation, text = case_result.observation, report.redactor.text
    case = SubElement(
        suite,
        "testcase",
        name=_clean(case_result.name),
        classname=f"ductile.{_clean(report.plugin)}",
        time=f"{case_result.seconds:.3f}",
    )
    if observation.verdict is Verdict.SKIPPED:
        SubElement(case, "skipped", message=_clean(text(observation.message)))
    elif observation.verdict is Verdict.FAILED:
        failure = SubElement(case, "failure", message=_clean(text(observation.message)), type=case_result.case)
        parts = exchange_fields(observation.exchange) if observation.exchange else {}
        body = [f"{name}: {text(value)}" for name, value in parts.items()]
        failure.text = _clean(
            "\n".join([text(observation.message), *body, f"rule: {case_result.rule}", f"fix: {observation.fix}"])
        )


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
