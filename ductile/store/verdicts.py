"""The last word of each plugin's checks: kept while it is a bad one, longer than the job that gave it."""

import orjson

from ductile.model.check import CHECKS, HEALTH, Unhealthy
from ductile.model.job import Job, State, SubmittedBy
from ductile.model.journal import Kind
from ductile.store.rows import Row
from ductile.store.tx import Tx

_KEPT = "unhealthy/"
BELOW, ABOVE = _KEPT, "unhealthy0"
"""What the keys in `meta` stand between."""


def note_check(tx: Tx, job: Job, state: State, error: str | None) -> None:
    """Notes what the end of a job says of its plugin's health; of any other command than a check nothing.

    A cancelled `health` says nothing; a cancelled `init` was not done.
    """
    if job.command not in CHECKS or not job.lane or (job.command == HEALTH and state is State.CANCELLED):
        return
    if job.submitted_by == SubmittedBy.INIT and remembered_init(tx, job.plugin)["job_id"] != job.id:
        return  # it was for an earlier version of the plugin
    if state is State.SUCCEEDED:
        forget_check(tx, job.plugin, job.command, job.id)
        return
    key = _key(job.plugin, job.command)
    known = tx.one("get_meta", key=key)
    since = tx.now if known is None else orjson.loads(known[0])["since"]
    verdict = {"reason": error or f"it was {state}", "since": since, "job_id": job.id}
    tx.run("set_meta", key=key, value=orjson.dumps(verdict).decode())
    if known is None:
        tx.journal(Kind.PLUGIN_UNHEALTHY, job.id, {"plugin": job.plugin, "command": job.command})


def remembered_init(tx: Tx, plugin: str) -> dict[str, str | None]:
    """What the last `init` of a plugin was started for, `{hash, job_id}`."""
    row = tx.one("get_meta", key=init_key(plugin))
    remembered: dict[str, str | None] = orjson.loads(row[0]) if row else {"hash": None, "job_id": None}
    return remembered


def init_key(plugin: str) -> str:
    """The key in `meta` that remembers it."""
    return f"init/{plugin}"


def forget_check(tx: Tx, plugin: str, command: str, job_id: str) -> None:
    """Takes back a bad word, where there is one: `job_id` is the job that says so."""
    if tx.run("drop_meta", key=_key(plugin, command)).rowcount:
        tx.journal(Kind.PLUGIN_HEALTHY, job_id, {"plugin": plugin, "command": command})


def read_verdict(row: Row) -> Unhealthy:
    """A row of `meta` as what it says."""
    key, value = row
    plugin, command = key.removeprefix(_KEPT).split("/")
    return Unhealthy(plugin=plugin, command=command, **orjson.loads(value))


def _key(plugin: str, command: str) -> str:
    return f"{_KEPT}{plugin}/{command}"
