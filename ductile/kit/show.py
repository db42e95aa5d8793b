"""A report for people: what was sent, what came back, which rule it breaks and how to mend it."""

import os
import shlex
import textwrap
from collections.abc import Iterator
from typing import Any

from ductile.kit.bench import Exchange
from ductile.kit.finding import Finding, Verdict
from ductile.kit.suite import Report

WIDTH = 100
"""Columns of what is explained."""
EXCERPT = 600
"""Characters that are shown of what was sent and what came back: the beginning and the end."""

_MARKS = {Verdict.PASSED: "ok  ", Verdict.FAILED: "FAIL", Verdict.SKIPPED: "skip"}


def lines(report: Report, *, all_skips: bool = False) -> Iterator[str]:
    """The report, line by line. Skipped cases stand at its end by their reasons, or where they were met."""
    yield f"{report.plugin}  {report.folder}"
    for finding in report.findings:
        verdict = finding.seen.verdict
        if verdict is Verdict.SKIPPED and not (all_skips or finding.case == "answers"):
            continue
        why = f"  {finding.seen.said}" if verdict is Verdict.SKIPPED else ""
        yield f"  {_MARKS[verdict]}  {finding.name}{why}"
        for remark in finding.seen.remarks:
            yield from _wrapped("note:", report.redactor.text(remark))
        if verdict is Verdict.FAILED:
            yield from _explained(report, finding)
    if not all_skips:
        yield from _skipped(report)
    yield summary(report)


def _skipped(report: Report) -> Iterator[str]:
    """What was not tried, and why: the cases of one reason on one line."""
    reasons: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.seen.verdict is Verdict.SKIPPED and finding.case != "answers":
            reasons.setdefault(finding.seen.said, []).append(finding.name)
    for reason, names in reasons.items():
        text = f"{', '.join(names)}: {report.redactor.text(reason)}"
        yield from textwrap.wrap(
            text,
            WIDTH,
            initial_indent="  skip  ",
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )


def summary(report: Report) -> str:
    """`12 passed, 1 failed, 3 skipped in 1.2 s`."""
    counts = ", ".join(f"{report.count(verdict)} {verdict}" for verdict in Verdict)
    return f"{counts} in {report.seconds:.1f} s"


def _explained(report: Report, finding: Finding) -> Iterator[str]:
    text = report.redactor.text
    for part in finding.seen.said.splitlines():
        yield from _wrapped("", text(part))
    if finding.seen.exchange is not None:
        for name, value in shown(finding.seen.exchange).items():
            yield from _block(name, text(value))
    yield from _wrapped("rule:", finding.rule)
    yield from _wrapped("fix:", finding.seen.fix)
    yield ""


def shown(exchange: Exchange) -> dict[str, str]:
    """What was sent and what came back, cut to what a person reads: sent, stdout, stderr, ended."""
    execution = exchange.execution
    code = execution.exit_code
    how = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
    stop = f", ended by the kit ({execution.stop})" if execution.stop else ""
    return {
        "sent": sent(exchange),
        "stdout": excerpt(execution.stdout) or "(nothing)",
        "stderr": excerpt(execution.stderr) or "(nothing)",
        "ended": f"{how} after {execution.duration} ms{stop}",
    }


def sent(exchange: Exchange) -> str:
    """What the plugin was given: its arguments, as a shell would take them, and its stdin."""
    stdin = excerpt(exchange.stdin)
    arguments = f"arguments {shlex.join(exchange.args)}" if exchange.args else ""
    return "\n".join(part for part in (arguments, stdin) if part) or "(nothing)"


def excerpt(output: bytes, longest: int = EXCERPT) -> str:
    """Both ends of an output, as text."""
    if len(output) <= 2 * longest:
        text = output.decode(errors="replace").rstrip("\n")
        if len(text) <= longest:
            return text
    head = output[: longest * 2 // 3].decode(errors="replace")
    tail = output[-(longest // 3) :].decode(errors="replace").rstrip("\n")
    return f"{head} … {tail} ({len(output):,} bytes in all)"


def _wrapped(label: str, text: str) -> Iterator[str]:
    start = f"        {label} " if label else "        "
    below = " " * 8 + (" " * 6 if label else "")
    yield from textwrap.wrap(  # a path stays whole, to be copied
        text, WIDTH, initial_indent=start, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )


def _block(name: str, text: str) -> Iterator[str]:
    first, *rest = text.splitlines() or [""]
    yield f"        {name + ':':<7} {first}"
    for line in rest:
        yield " " * 16 + line


def document(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "plugin": report.plugin,
        "folder": os.fspath(report.folder),
        "ok": report.ok,
        "passed": report.count(Verdict.PASSED),
        "failed": report.count(Verdict.FAILED),
        "skipped": report.count(Verdict.SKIPPED),
        "seconds": round(report.seconds, 3),
        "cases": [report.redactor.value(_case(finding)) for finding in report.findings],
    }


def _case(finding: Finding) -> dict[str, Any]:
    seen = finding.seen
    return {
        "name": finding.name,
        "case": finding.case,
        "of": finding.of,
        "verdict": seen.verdict.value,
        "said": seen.said or None,
        "rule": finding.rule,
        "fix": seen.fix or None,
        "remarks": list(seen.remarks),
        "exchange": shown(seen.exchange) if seen.exchange else None,
        "seconds": round(finding.seconds, 3),
    }
