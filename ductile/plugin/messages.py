"""Protocol 2: the request a plugin reads on stdin and the response it writes on stdout."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import orjson
from msgspec import Struct

from ductile.errors import DuctileError
from ductile.model.clock import Millis, rfc3339
from ductile.model.event import EmittedEvent
from ductile.model.job import ClaimedJob
from ductile.model.output import DEFAULT_OUTPUT, OutputRules, excess
from ductile.model.snapshot import Plugin
from ductile.plugin.runner.frames import FRAME_MEMBERS
from ductile.plugin.stdout_parser import OverBudget, PlainText, Unreadable, check_count, preview, split_stdout

PROTOCOL_VERSION = 2

_DEFAULT_ERROR = "The plugin reported an error without saying which."
_NOTHING = object()


class Unwritable(DuctileError):
    """The request for {plugin} cannot be written as JSON: {reason}. Correct its `config`."""

    code = "request_unwritable"


class Response(Struct, frozen=True, kw_only=True):
    """What a plugin answered."""

    ok: bool
    result: Any
    """Any JSON value; never None where `ok`."""
    error: str | None
    """Always text where not `ok`."""
    retry: bool = True
    events: tuple[EmittedEvent, ...] = ()
    state_updates: Mapping[str, Any] | None = None
    logs: tuple[Mapping[str, Any], ...] = ()
    """`{level, message}`, both text; those of `log` frames and of lines of plain text first."""
    plain_lines: int = 0
    """How many lines of plain text stood before the response."""
    plain_text: str | None = None
    """The first of them."""


def write_request(
    plugin: Plugin,
    claimed: ClaimedJob,
    *,
    payload: Mapping[str, Any],
    event: Mapping[str, Any] | None,
    deadline_at: Millis,
    context: Mapping[str, Any] | None = None,
) -> bytes:
    """The request: one JSON object and a newline; raises Unwritable.

    `event` is for `handle`. Without a `context` the claimed one goes out as it is stored.
    """
    request = {
        "protocol": PROTOCOL_VERSION,
        "job_id": claimed.job.id,
        "attempt": claimed.job.attempt,
        "plugin": plugin.manifest.name,
        "instance": plugin.name,
        "command": claimed.job.command,
        "config": plugin.config,
        "state": orjson.Fragment(claimed.plugin_state),
        "context": orjson.Fragment(claimed.context) if context is None else context,
        "payload": payload,
        "deadline_at": rfc3339(deadline_at),
    }
    if event is not None:
        request["event"] = event
    try:
        return orjson.dumps(request, _plain, orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise Unwritable(plugin=plugin.name, reason=error) from error


def read_response(
    stdout: bytes, rules: OutputRules = DEFAULT_OUTPUT, answer: Mapping[str, Any] | None = None
) -> Response:
    """The last JSON value of stdout; objects before it with `progress` or `log` as their only member are frames.

    Lines of plain text before it are log entries. A member that is null counts as absent, and unknown members are
    ignored. Logs are taken as they come: text becomes `{level: info, message}`, and a level or message of another kind
    becomes text. `answer` is the value of a stdout that has been read. Raises Unreadable for all else that the protocol
    does not allow, OverBudget for what is too much.
    """
    *before, value = (answer,) if answer is not None else split_stdout(stdout, rules)
    if not isinstance(value, dict):
        raise Unreadable(reason=f"the response is {_kind(value)}, not an object")
    status = value.get("status")
    if status not in ("ok", "error"):
        raise Unreadable(reason=_bad_status(status))
    ok = status == "ok"
    result = value.get("result")
    if ok and result is None:
        raise Unreadable(reason="`status` is `ok`, which needs a `result`")
    error = _member(value, "error", str, "text") or None
    retry = _member(value, "retry", bool, "true or false")
    events = _member(value, "events", list, "a list") or ()
    check_count("events", events, rules.max_events)
    logs = _member(value, "logs", list, "a list") or ()
    plain = [part for part in before if isinstance(part, PlainText)] if before else before
    return Response(
        ok=ok,
        result=result,
        error=error if ok else error or _DEFAULT_ERROR,
        retry=retry is not False,
        events=tuple(_event(index, event) for index, event in enumerate(events)),
        state_updates=_member(value, "state_updates", dict, "an object"),
        logs=_logs(before, logs, rules),
        plain_lines=len(plain),
        plain_text=plain[0].text if plain else None,
    )


def read_logs(stdout: bytes, rules: OutputRules = DEFAULT_OUTPUT) -> tuple[Mapping[str, Any], ...]:
    """The log entries before a response; none where that cannot be told."""
    try:
        *before, _ = split_stdout(stdout, rules)
        return _logs(before, (), rules)
    except Unreadable:
        return ()


def _logs(before: list[Any], own: Sequence[Any], rules: OutputRules) -> tuple[Mapping[str, Any], ...]:
    """What was logged before the response, and then the response's own `logs`."""
    if not before and not own:
        return ()
    said = [part.text if isinstance(part, PlainText) else _frame(part).get("log", _NOTHING) for part in before]
    entries = [entry for entry in said if entry is not _NOTHING]
    limit = rules.max_log_entries
    if len(entries) + len(own) > limit:
        raise OverBudget(reason=f"it wrote {excess('max_log_entries', limit, 'log entries')}")
    logs = tuple(read_log(entry) for entry in chain(entries, own))
    if sum(len(log["message"]) + len(log["level"]) for log in logs) > rules.max_log_bytes:
        raise OverBudget(reason=f"its log entries are {excess('max_log_bytes', rules.max_log_bytes, 'of text')}")
    return logs


def _frame(value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict) and len(value) == 1 and not FRAME_MEMBERS.isdisjoint(value):
        return value
    raise Unreadable(
        reason=f"before the response there is {preview(_json(value))}; "
        'only `{"progress": …}` and `{"log": …}` may stand there, and notes for people belong on stderr'
    )


def _bad_status(status: Any) -> str:
    if status is None:
        return "the response has no `status`"
    return f"`status` is {preview(_json(status))}, not `ok` or `error`"


def _member(value: Mapping[str, Any], name: str, kind: type, words: str, where: str = "") -> Any:
    """The member, which is absent (None) or of this kind."""
    found = value.get(name)
    if found is None or isinstance(found, kind):
        return found
    raise Unreadable(reason=f"`{where}{name}` is {_kind(found)}, not {words}")


def _event(index: int, value: Any) -> EmittedEvent:
    where = f"events[{index}]"
    if not isinstance(value, dict):
        raise Unreadable(reason=f"`{where}` is {_kind(value)}, not an object")
    event_type = value.get("type")
    if not isinstance(event_type, str) or not event_type:
        found = _kind(event_type) if "type" in value else "missing"
        raise Unreadable(reason=f"`{where}.type` is {found}; an event needs a name there")
    payload = _member(value, "payload", dict, "an object", f"{where}.")
    key = _member(value, "dedupe_key", str, "text", f"{where}.")
    return EmittedEvent(type=event_type, payload=payload or {}, dedupe_key=key or None)


def read_log(entry: Any) -> Mapping[str, Any]:
    """A log entry as `{level, message}`, both text."""
    if isinstance(entry, dict) and entry.get("message") is not None:
        level = entry.get("level")
        return {"level": level if isinstance(level, str) and level else "info", "message": _as_text(entry["message"])}
    return {"level": "info", "message": _as_text(entry)}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    """The value as JSON again, which may nest less deeply than what was read."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        return f"[a value that cannot be shown again: {error}]"


def _kind(value: Any) -> str:
    """The value's kind in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "text" if value else "empty text"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a number"


def _plain(value: Any) -> Any:
    """Turns a read-only mapping into what orjson writes."""
    if isinstance(value, Mapping):
        return dict(value)
    message = f"{type(value).__name__} is no JSON value"
    raise TypeError(message)
