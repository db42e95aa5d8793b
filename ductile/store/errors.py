"""What the store may answer instead of a result."""

from ductile.errors import Conflict, DuctileError, NotFound, Unavailable, Unprocessable


class StoreUnavailable(Unavailable):
    """The state database cannot be written now: {reason}. Nothing was stored; try again."""

    code = "store_unavailable"


class StorageFull(StoreUnavailable):
    """No new work is taken: {reason}. What was taken goes on; raise `state.max_size`, or make room on the disk."""

    code = "storage_full"
    retry_after = 30


class StorageLost(StoreUnavailable):
    """The state database is not at its path any more: {reason}. Nothing is stored until this is mended: {remedy}."""

    code = "storage_lost"
    retry_after = 30


class StorageDamaged(StoreUnavailable):
    """The state database is damaged or its disk fails: {reason}. No new work is taken; restore a backup."""

    code = "storage_damaged"
    retry_after = 30


class StoreClosed(Unavailable):
    """The gateway is stopping and stores nothing any more; try again once it is back."""

    code = "store_closed"


class KeyUnusable(DuctileError):
    """The installation's key {path} cannot be used: {reason}. Restore it from a backup, with the database."""

    code = "key_unusable"


class IdempotencyConflict(Conflict):
    """The idempotency key {key!r} was used with another body (job {job_id}); use a new key for a new request."""

    code = "idempotency_conflict"


class EventKeyConflict(Conflict):
    """The idempotency key {key!r} was used with another body (event {event_id}); use a new key for a new event."""

    code = "idempotency_conflict"


class Stale(Conflict):
    """What was to be changed ({what}) stands otherwise by now; nothing was changed. Read again how it stands."""

    code = "stale"


class UnknownJob(NotFound):
    """There is no job {job_id}; it never was, or retention has removed it."""

    code = "unknown_job"


class JobFinished(Conflict):
    """Job {job_id} has already ended ({status}) and cannot be cancelled."""

    code = "job_finished"


class JobUnfinished(Conflict):
    """Job {job_id} is still {status}; only what has ended can be started again. POST /job/{job_id}/cancel ends it."""

    code = "job_unfinished"


class PayloadGone(Conflict):
    """What job {job_id} was given is no longer stored, so it cannot be started again; trigger it with its payload."""

    code = "payload_gone"


class StateTooLarge(Unprocessable):
    """The state of {plugin} would take {size} bytes; it may take {limit} at most."""

    code = "state_too_large"


class LogsNotIndexed(Unavailable):
    """The full text of {left} ended attempts is still being written; search again soon, or list without `query`."""

    code = "logs_not_indexed"
    retry_after = 10


class StoreError(DuctileError):
    """The state database {path} cannot be used."""

    code = "store_error"


class NotADatabase(StoreError):
    """{path} is no SQLite database; set `state.path` to another file, or move this one away."""

    code = "not_a_database"


class ForeignDatabase(StoreError):
    """{path} is a database of another program; set `state.path` to a new file."""

    code = "foreign_database"


class CorruptDatabase(StoreError):
    """{path} is damaged ({reason}); restore a backup, or save what can be read: `sqlite3 {path} .recover`."""

    code = "corrupt_database"


class DatabaseTooNew(StoreError):
    """{path} has schema version {found}, this Ductile knows {known}; start the newer Ductile that wrote it."""

    code = "database_too_new"


class StateUnreachable(StoreError):
    """{path} cannot be opened: {reason}; check `state.path`, the folder's owner and the free space."""

    code = "state_unreachable"


class StateLocked(StoreError):
    """{path} is in use by process {pid}; a state database has one gateway. Stop that, or set another `state.path`."""

    code = "state_locked"


class StateOnNetwork(StoreError):
    """{path} is on a network file system ({kind}), where locks do not hold; set `state.path` to a local disk."""

    code = "state_on_network"
