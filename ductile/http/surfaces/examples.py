"""Answers as they may look, for the documentation."""

from collections.abc import Mapping
from typing import Any

Example = Mapping[str, Any]

JOB_ID = "01979d6e-8c3b-7a41-9d2f-0c6a5b1e4f70"
STEP_ID = "01979d6e-8c3c-7d02-8b4e-5f1a9c3d7e21"
CREATED, STARTED, ENDED = "2030-01-31T09:00:00.000Z", "2030-01-31T09:00:00.002Z", "2030-01-31T09:00:00.048Z"
RESPONSE: Example = {
    "status": "ok",
    "result": "Hello, Ada!",
    "events": [],
    "logs": [{"level": "info", "message": "greeted one person"}],
}
JOB: Example = {
    "job_id": JOB_ID,
    "status": "succeeded",
    "plugin": "py-greet",
    "command": "greet",
    "submitted_by": "api",
    "principal": "token:admin",
    "request_id": "01979d6e-8c3a-7f15-8e60-2d9b4c7a1f33",
    "created_at": CREATED,
    "started_at": STARTED,
    "completed_at": ENDED,
    "attempt": 1,
    "max_attempts": 4,
    "priority": 0,
    "parent_job_id": None,
    "root_job_id": JOB_ID,
    "step": None,
    "result": RESPONSE,
    "exit_code": 0,
}
ACCEPTED: Example = {"job_id": JOB_ID, "status": "queued", "plugin": "py-greet", "command": "greet"}
TREE: list[Example] = [
    {
        "job_id": JOB_ID,
        "parent_job_id": None,
        "plugin": "pipeline",
        "command": "welcome",
        "status": "succeeded",
        "result": RESPONSE,
        "started_at": CREATED,
        "completed_at": ENDED,
        "step": None,
        "attempt": 0,
        "last_error": None,
    },
    {
        "job_id": STEP_ID,
        "parent_job_id": JOB_ID,
        "plugin": "py-greet",
        "command": "greet",
        "status": "succeeded",
        "result": RESPONSE,
        "started_at": STARTED,
        "completed_at": ENDED,
        "step": "greet",
        "attempt": 1,
        "last_error": None,
    },
]
RUN: Example = {"job_id": JOB_ID, "status": "succeeded", "duration_ms": 48, "result": RESPONSE, "tree": TREE}
STILL_RUNNING: Example = {
    "job_id": JOB_ID,
    "status": "running",
    "timeout_exceeded": True,
    "message": "Pipeline still running after timeout.",
}
