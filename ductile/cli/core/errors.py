"""The command line's own errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from ductile.errors import Conflict, DuctileError, NotFound


class UsageError(DuctileError):
    """{reason}; see --help."""

    code = "usage"
    status = 400


class OutputFailed(DuctileError):
    """The output cannot be written to {path}: {reason}. Name another file with --output."""

    code = "output_failed"


class SystemRefused(DuctileError):
    """The system refused {what}: {reason}."""

    code = "system_refused"


class WaitedTooLong(DuctileError):
    """{what} within {waited}; it goes on. {then}."""

    code = "waited_too_long"
    status = 504


class JobFailed(DuctileError):
    """{what} has ended {status}: {error}. {then}."""

    code = "job_failed"


class BadTime(DuctileError):
    """{option} takes 10m or 2h ({direction}), 2030-01-31, or a time such as 2030-01-31T09:00:00Z, not {text!r}."""

    code = "bad_time"
    status = 400


class NoJob(NotFound):
    """There is no job yet, so there is no last one."""

    code = "no_job"


class AmbiguousId(DuctileError):
    """The ids of several jobs begin with {text}: {found}. Give more of the id."""

    code = "ambiguous_id"
    status = 400

    def __init__(self, *, text: str, rows: Sequence[Mapping[str, Any]], more: bool) -> None:
        self.jobs = [{name: row.get(name) for name in ("job_id", "plugin", "command", "status")} for row in rows]
        found = ", ".join(f"{row['job_id']} ({row['plugin']}.{row['command']} {row['status']})" for row in rows)
        super().__init__(text=text, found=f"{found}, …" if more else found)

    def public_details(self) -> dict[str, Any]:
        """The text and the candidates."""
        return {"text": self.details["text"], "jobs": self.jobs}


class NoSuchCommand(NotFound):
    """Plugin {plugin!r} has no command {command!r}{hint} (`ductile plugin show {plugin}` lists them)."""

    code = "unknown_command"


class NoSuchVerb(NotFound):
    """{name!r} is neither a command of ductile nor a plugin{hint} (see ductile --help and ductile plugin list)."""

    code = "unknown_verb"


class PluginLookupFailed(DuctileError):
    """{name!r} is no command of ductile, and whether it is a plugin cannot be seen: {reason}."""

    code = "not_seen"

    def __init__(self, *, name: str, cause: DuctileError) -> None:
        self.cause = cause
        """The error that kept the plugin from being looked up; its exit code is this error's."""
        super().__init__(name=name, reason=cause.message.rstrip("."))

    def public_details(self) -> dict[str, Any]:
        """The name, and the code of the cause."""
        return {"name": self.details["name"], "cause": self.cause.code}


class ConfigurationBroken(DuctileError):
    """The configuration {path} has errors ({count}), so that it cannot be read; mend them (`ductile config check`)."""

    code = "invalid_config"
    status = 422


class FolderNotEmpty(Conflict):
    """{folder} is not empty ({entry} is there), so nothing was touched. Name a new folder, or an empty one."""

    code = "folder_not_empty"


class FolderNotMade(DuctileError):
    """{folder} cannot be made: {reason}. Nothing is left of it."""

    code = "folder_not_made"
