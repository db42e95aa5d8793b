"""A report says what was sent, what came back, which rule and what to do; as text, JSON and JUnit XML."""

from pathlib import Path
from xml.etree import ElementTree as ET

from ductile.dispatch.outcome import read_outcome
from ductile.document.redactor import Redactor
from ductile.kit import text_report
from ductile.kit.case_result import CaseResult, Observation, fail_case, pass_case, skip_case
from ductile.kit.conformance import Report
from ductile.kit.exchange import Exchange
from ductile.kit.junit_report import junit_xml
from ductile.plugin.runner.interface import Execution

EXECUTION = Execution(exit_code=3, stdout=b"\x1b[1mhello\0 s3cr3t-value", stderr=b"bad \xff", stop=None, duration=12)
EXCHANGE = Exchange(
    stdin=b'{"config":{"token":"s3cr3t-value"}}' + b" " * 2000,
    execution=EXECUTION,
    outcome=read_outcome(EXECUTION, str),
)


def case_result(case: str, observation: Observation) -> CaseResult:
    return CaseResult(case=case, target="greet", rule=f"The rule of {case}.", observation=observation, seconds=0.25)


REPORT = Report(
    plugin="demo",
    folder=Path("demo"),
    case_results=(
        case_result("answers", fail_case("It says s3cr3t-value <&> \x00.", "Mend it.", EXCHANGE)),
        case_result("state", skip_case("it keeps no state")),
        case_result("timing", pass_case("a run takes 3 ms")),
    ),
    seconds=1.5,
    redactor=Redactor(["s3cr3t-value"]),
)


def test_the_text_says_what_was_sent_what_came_back_which_rule_and_what_to_do() -> None:
    text = "\n".join(text_report.report_lines(REPORT, all_skips=True))
    for piece in (
        "FAIL  answers[greet]",
        'sent:   {"config":{"token":"[REDACTED]"}}',
        "(2,035 bytes in all)",
        "stdout:",
        "stderr: bad \N{REPLACEMENT CHARACTER}",
        "ended:  exit code 3 after 12 ms",
        "rule: The rule of answers.",
        "fix: Mend it.",
        "skip  state[greet]  it keeps no state",
        "note: a run takes 3 ms",
        "1 passed, 1 failed, 1 skipped in 1.5 s",
    ):
        assert piece in text
    assert "s3cr3t-value" not in text


def test_what_was_skipped_is_named_with_its_reason_without_asking() -> None:
    more = [
        case_result("concurrency", skip_case("it keeps no state")),
        case_result("deadline", skip_case("it reads nothing")),
    ]
    report = Report(
        plugin="demo", folder=Path("demo"), case_results=(*REPORT.case_results, *more), seconds=1.5, redactor=Redactor()
    )
    *_, first, second, summary = text_report.report_lines(report)
    assert first == "  skip  state[greet], concurrency[greet]: it keeps no state"
    assert second == "  skip  deadline[greet]: it reads nothing"
    assert summary == "1 passed, 1 failed, 3 skipped in 1.5 s"


def test_the_document_has_the_same() -> None:
    document = text_report.report_document(REPORT)
    assert (document["ok"], document["passed"], document["failed"], document["skipped"]) == (False, 1, 1, 1)
    [first, *_] = document["cases"]
    assert (first["name"], first["verdict"], first["fix"]) == ("answers[greet]", "failed", "Mend it.")
    assert first["exchange"]["ended"] == "exit code 3 after 12 ms"
    assert "s3cr3t-value" not in str(document)


SUITE = {"id", "package", "name", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"}


def test_the_junit_xml_is_as_its_readers_want_it() -> None:
    written = junit_xml(REPORT, 1_893_456_000_123)
    assert b"s3cr3t-value" not in written
    root = ET.fromstring(written)
    assert root.tag == "testsuites"
    [suite] = root
    assert suite.tag == "testsuite"
    assert set(suite.attrib) == SUITE
    assert suite.attrib["timestamp"] == "2030-01-01T00:00:00"
    assert [suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
    assert [child.tag for child in suite] == [
        "properties",
        "testcase",
        "testcase",
        "testcase",
        "system-out",
        "system-err",
    ]
    cases = suite.findall("testcase")
    assert all(set(case.attrib) == {"name", "classname", "time"} for case in cases)
    assert [[child.tag for child in case] for case in cases] == [["failure"], ["skipped"], []]
    failure = cases[0][0]
    assert failure.attrib == {"message": "It says [REDACTED] <&> \N{REPLACEMENT CHARACTER}.", "type": "answers"}
    assert "fix: Mend it." in (failure.text or "")
