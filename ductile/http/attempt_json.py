"""Attempts as the API shows them. Pure: values of the store in, JSON values out."""

import orjson

from ductile.document.redactor import Redactor
from ductile.http.job_json import Json
from ductile.model.clock import rfc3339
from ductile.model.job import State
from ductile.model.read_models import AttemptPage, AttemptRow, AttemptView
from ductile.observe.running_logs import RunningAttempt


def attempt_page_json(page: AttemptPage, redactor: Redactor, *, results: bool, full: bool) -> Json:
    """`GET /job-logs`; with the plugins' memory in results when `full`."""
    cursor = None if page.cursor is None else "{}-{}".format(*page.cursor)
    rows = [attempt_row_json(row, results=results, full=full) for row in page.rows]
    document: Json = {"logs": redactor.value(rows), "total": page.total, "cursor": cursor}
    if page.total_capped:
        document["total_capped"] = True
    return document


def attempt_row_json(row: AttemptRow, *, results: bool, full: bool) -> Json:
    """One ended attempt in a list."""
    document: Json = {
        "job_id": row.job_id,
        "log_id": log_id(row.job_id, row.attempt),
        "plugin": row.plugin,
        "command": row.command,
        "status": row.outcome.value,
        "attempt": row.attempt,
        "submitted_by": row.submitted_by,
        "created_at": rfc3339(row.created_at),
        "completed_at": rfc3339(row.ended_at),
        "last_error": row.error,
        "stderr": row.stderr,
    }
    if results:
        document["result"] = None if row.result is None else result_json(row.result, full=full)
    return document


def log_id(job_id: str, attempt: int) -> str:
    """The name of an attempt."""
    return f"{job_id}-{attempt}"


def result_json(encoded: bytes, *, full: bool) -> Json:
    """What the plugin answered: `{status, result, error?}`, with `state_updates` when `full`."""
    stored = orjson.loads(encoded)
    document: Json = {"status": stored.get("status"), "result": stored.get("result")}
    if stored.get("error") is not None:
        document["error"] = stored["error"]
    if full:
        document["state_updates"] = stored.get("state_updates") or {}
    return document


def job_attempts_json(
    job_id: str, attempts: list[AttemptView], said: RunningAttempt | None, redactor: Redactor
) -> Json:
    """`GET /job/{id}/logs`."""
    logs = [attempt_json(job_id, one) for one in attempts]
    if said is not None and said.job.attempt not in {one.attempt for one in attempts}:
        logs.append(running_attempt_json(said))
    shown: Json = redactor.value({"job_id": job_id, "logs": logs})
    return shown


def running_attempt_json(said: RunningAttempt) -> Json:
    """The running attempt, with what it has said so far."""
    job = said.job
    return {
        "log_id": log_id(job.id, job.attempt),
        "attempt": job.attempt,
        "plugin": job.plugin,
        "command": job.command,
        "status": State.RUNNING.value,
        "runner": said.runner,
        "generation": said.generation,
        "started_at": rfc3339(said.started_at),
        "completed_at": None,
        "exit_code": None,
        "last_error": None,
        "stderr": None,
        "stdout": None,
        "logs": list(said.logs),
        "progress": said.progress,
    }


def attempt_json(job_id: str, attempt: AttemptView) -> Json:
    """One ended attempt with all that was kept of it but its result."""
    return {
        "log_id": log_id(job_id, attempt.attempt),
        "attempt": attempt.attempt,
        "plugin": attempt.plugin,
        "command": attempt.command,
        "status": attempt.outcome.value,
        "runner": attempt.runner,
        "generation": attempt.generation,
        "started_at": rfc3339(attempt.started_at),
        "completed_at": rfc3339(attempt.ended_at),
        "exit_code": attempt.exit_code,
        "last_error": attempt.error,
        "stderr": attempt.stderr,
        "stdout": attempt.stdout,
        "logs": orjson.loads(attempt.logs) if attempt.logs else [],
        "progress": None,
    }
