"""Formats a report as text: request, answer, broken rule and fix of each failure."""

import os
import shlex
import textwrap
from collections.abc import Iterator
from typing import Any

from ductile.kit.case_result import CaseResult, Verdict
from ductile.kit.conformance import Report
from ductile.kit.exchange import Exchange

WIDTH_COLUMNS = 100
"""Columns of explanations."""
EXCERPT_CHARS = 600
"""Characters that are shown of what was sent and what came back: the beginning and the end."""

_STATUS_MARKS = {Verdict.PASSED: "ok  ", Verdict.FAILED: "FAIL", Verdict.SKIPPED: "skip"}


def report_lines(report: Report, *, all_skips: bool = False) -> Iterator[str]:
    """The report, line by line. Skipped cases stand at its end by their reasons, or all in order (`all_skips`)."""
    yield f"{report.plugin}  {report.folder}"
    for case_result in report.case_results:
        verdict = case_result.observation.verdict
        if verdict is Verdict.SKIPPED and not (all_skips or case_result.case == "answers"):
            continue
        why = f"  {case_result.observation.message}" if verdict is Verdict.SKIPPED else ""
        yield f"  {_STATUS_MARKS[verdict]}  {case_result.name}{why}"
        for remark in case_result.observation.remarks:
            yield from _wrap("note:", report.redactor.text(remark))
        if verdict is Verdict.FAILED:
            yield from _failure_lines(report, case_result)
    if not all_skips:
        yield from _skip_lines(report)
    yield summary_line(report)


def _skip_lines(report: Report) -> Iterator[str]:
    """The skipped cases, those of one reason on one line."""
    reasons: dict[str, list[str]] = {}
    for case_result in report.case_results:
        if case_result.observation.verdict is Verdict.SKIPPED and case_result.case != "answers":
            reasons.setdefault(case_result.observation.message, []).append(case_result.name)
    for reason, names in reasons.items():
        text = f"{', '.join(names)}: {report.redactor.text(reason)}"
        yield from textwrap.wrap(
            text,
            WIDTH_COLUMNS,
            initial_indent="  skip  ",
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )


def summary_line(report: Report) -> str:
    """`12 passed, 1 failed, 3 skipped in 1.2 s`."""
    counts = ", ".join(f"{report.count(verdict)} {verdict}" for verdict in Verdict)
    return f"{counts} in {report.seconds:.1f} s"


def _failure_lines(report: Report, case_result: CaseResult) -> Iterator[str]:
    text = report.redactor.text
    for part in case_result.observation.message.splitlines():
        yield from _wrap("", text(part))
    if case_result.observation.exchange is not None:
        for name, value in exchange_fields(case_result.observation.exchange).items():
            yield from _block_lines(name, text(value))
    yield from _wrap("rule:", case_result.rule)
    yield from _wrap("fix:", case_result.observation.fix)
    yield ""


def exchange_fields(exchange: Exchange) -> dict[str, str]:
    """What was sent and what came back, cut to what a person reads: sent, stdout, stderr, ended."""
    execution = exchange.execution
    code = execution.exit_code
    how = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
    stop = f", ended by the kit ({execution.stop})" if execution.stop else ""
    return {
        "sent": sent_text(exchange),
        "stdout": cut_output(execution.stdout) or "(nothing)",
        "stderr": cut_output(execution.stderr) or "(nothing)",
        "ended": f"{how} after {execution.duration} ms{stop}",
    }


def sent_text(exchange: Exchange) -> str:
    """What the plugin was given: its arguments, as a shell would take them, and its stdin."""
    stdin = cut_output(exchange.stdin)
    arguments = f"arguments {shlex.join(exchange.args)}" if exchange.args else ""
    return "\n".join(part for part in (arguments, stdin) if part) or "(nothing)"


def cut_output(output: bytes, longest: int = EXCERPT_CHARS) -> str:
    """Both ends of an output, as text."""
    if len(output) <= 2 * longest:
        text = output.decode(errors="replace").rstrip("\n")
        if len(text) <= longest:
            return text
    head = output[: longest * 2 // 3].decode(errors="replace")
    tail = output[-(longest // 3) :].decode(errors="replace").rstrip("\n")
    return f"{head} … {tail} ({len(output):,} bytes in all)"


def _wrap(label: str, text: str) -> Iterator[str]:
    start = f"        {label} " if label else "        "
    below = " " * 8 + (" " * 6 if label else "")
    yield from textwrap.wrap(  # a path stays whole, to be copied
        text,
        WIDTH_COLUMNS,
        initial_indent=start,
        subsequent_indent=below,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _block_lines(name: str, text: str) -> Iterator[str]:
    first, *rest = text.splitlines() or [""]
    yield f"        {name + ':':<7} {first}"
    for line in rest:
        yield " " * 16 + line


def report_document(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "plugin": report.plugin,
        "folder": os.fspath(report.folder),
        "ok": report.ok,
        "passed": report.count(Verdict.PASSED),
        "failed": report.count(Verdict.FAILED),
        "skipped": report.count(Verdict.SKIPPED),
        "seconds": round(report.seconds, 3),
        "cases": [report.redactor.value(_case_document(case_result)) for case_result in report.case_results],
    }


def _case_document(case_result: CaseResult) -> dict[str, Any]:
    observation = case_result.observation
    return {
        "name": case_result.name,
        "case": case_result.case,
        "of": case_result.target,
        "verdict": observation.verdict.value,
        "said": observation.message or None,
        "rule": case_result.rule,
        "fix": observation.fix or None,
        "remarks": list(observation.remarks),
        "exchange": exchange_fields(observation.exchange) if observation.exchange else None,
        "seconds": round(case_result.seconds, 3),
    }
