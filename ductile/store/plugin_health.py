"""The failed checks (`init`, `health`) of each plugin: kept until the check succeeds, longer than its job."""

import orjson

from ductile.model.health import CHECK_COMMANDS, HEALTH_COMMAND, UnhealthyPlugin
from ductile.model.job import Job, State, SubmittedBy
from ductile.model.journal import EntryKind
from ductile.store.transaction import Row, Tx

_KEY_PREFIX = "unhealthy/"
FIRST_KEY, END_KEY = _KEY_PREFIX, "unhealthy0"
"""The keys of failed checks in `meta`: from the first up to, without, the second."""


def record_check(tx: Tx, job: Job, state: State, error: str | None) -> None:
    """Records the result of a check, where the ended job is one.

    A cancelled `health` changes nothing; a cancelled `init` has failed.
    """
    if (
        job.command not in CHECK_COMMANDS
        or not job.lane
        or (job.command == HEALTH_COMMAND and state is State.CANCELLED)
    ):
        return
    if job.submitted_by == SubmittedBy.INIT and last_init(tx, job.plugin)["job_id"] != job.id:
        return  # it was for an earlier version of the plugin
    if state is State.SUCCEEDED:
        clear_failed_check(tx, job.plugin, job.command, job.id)
        return
    key = _key(job.plugin, job.command)
    known = tx.row("get_meta", key=key)
    since = tx.now if known is None else orjson.loads(known[0])["since"]
    verdict = {"reason": error or f"it was {state}", "since": since, "job_id": job.id}
    tx.execute("set_meta", key=key, value=orjson.dumps(verdict).decode())
    if known is None:
        tx.journal(EntryKind.PLUGIN_UNHEALTHY, job.id, {"plugin": job.plugin, "command": job.command})


def last_init(tx: Tx, plugin: str) -> dict[str, str | None]:
    """The plugin hash and the job of the last `init`, `{hash, job_id}`."""
    row = tx.row("get_meta", key=init_key(plugin))
    remembered: dict[str, str | None] = orjson.loads(row[0]) if row else {"hash": None, "job_id": None}
    return remembered


def init_key(plugin: str) -> str:
    """The key in `meta` of a plugin's last `init`."""
    return f"init/{plugin}"


def clear_failed_check(tx: Tx, plugin: str, command: str, job_id: str) -> None:
    """Deletes a failed check of a plugin, if there is one; `job_id` is the job that succeeded."""
    if tx.execute("drop_meta", key=_key(plugin, command)):
        tx.journal(EntryKind.PLUGIN_HEALTHY, job_id, {"plugin": plugin, "command": command})


def read_unhealthy(row: Row) -> UnhealthyPlugin:
    """The failed check of a row of `meta`."""
    key, value = row
    plugin, command = key.removeprefix(_KEY_PREFIX).split("/")
    return UnhealthyPlugin(plugin=plugin, command=command, **orjson.loads(value))


def _key(plugin: str, command: str) -> str:
    return f"{_KEY_PREFIX}{plugin}/{command}"
