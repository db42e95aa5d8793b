#!/usr/bin/env python3
"""Decides by its content which event a payload becomes: the first check that holds emits its type."""

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
THINK = 5.0
"""Seconds after which a regular expression is given up."""
MOST_CHECKS = 500
MISSING = object()

Response = dict[str, Any]
Scope = Mapping[str, Any]


class Refused(Exception):
    """The request cannot be done, however often it is tried."""


class BadConfig(Exception):
    """The operator has to mend the configuration."""


class TooLong(Exception):
    """A regular expression does not come to an end."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the list."""

    kind: str
    """As it was written; `default` always holds."""
    path: str
    value: Any
    emit: str
    as_text: bool
    """Compare what is found as text, as the short form does."""

    def holds(self, scope: Scope) -> bool:
        if self.kind == "default":
            return True
        found = resolved(scope, self.path)
        if self.as_text:
            return SHORT[self.kind](as_text(found), self.value)
        return OPS[self.kind](found if found is not MISSING or self.kind == "exists" else None, self.value)


def resolved(scope: Scope, path: str) -> Any:
    """What a path names: below the payload, unless it begins with `payload.`, `event.` or `context.`."""
    first, *rest = path.split(".")
    value: Any = scope[first] if first in scope else scope["payload"]
    for part in rest if first in scope else [first, *rest]:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def as_text(value: Any) -> str:
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def same(found: Any, value: Any) -> bool:
    """Equal and of one kind: true is not 1."""
    if isinstance(found, bool) or isinstance(value, bool):
        return found is value
    return bool(found == value)


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def both(found: Any, value: Any) -> bool:
        return isinstance(found, int | float) and not isinstance(found, bool) and compare(found, value)

    return both


def text(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def folded(found: Any, value: Any) -> bool:
        return isinstance(found, str) and compare(found.casefold(), value.casefold())

    return folded


def contains(found: Any, value: Any) -> bool:
    if isinstance(found, list):
        return any(same(one, value) for one in found)
    return isinstance(found, str) and isinstance(value, str) and value.casefold() in found.casefold()


def whole(found: Any, value: Any) -> bool:
    return isinstance(found, str) and re.fullmatch(value, found) is not None


SHORT: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": text(str.__eq__),
    "contains": contains,
    "startswith": text(str.startswith),
    "endswith": text(str.endswith),
    "regex": whole,
}
"""The short form, `{contains: text, emit: type}`."""
OPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "exists": lambda found, value: (found is not MISSING) is value,
    "eq": same,
    "neq": lambda found, value: not same(found, value),
    "in": lambda found, value: any(same(found, one) for one in value),
    "gt": ordered(lambda found, value: found > value),
    "gte": ordered(lambda found, value: found >= value),
    "lt": ordered(lambda found, value: found < value),
    "lte": ordered(lambda found, value: found <= value),
    "contains": contains,
    "startswith": text(str.startswith),
    "endswith": text(str.endswith),
    "regex": whole,
}
"""The long form, `{path: payload.n, op: gt, value: 5, emit: type}`."""
KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("gt", "gte", "lt", "lte"), (int, float)),
    **dict.fromkeys(("startswith", "endswith", "regex"), (str,)),
    "in": (list,),
    "exists": (bool,),
}
"""Operator → the kinds of value it compares with; any for the others."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration, checked."""

    checks: list[Check]
    drop: bool
    """What no check fits is no error, and emits nothing."""


def settings(config: Any) -> Settings:
    if not isinstance(config, dict):
        raise BadConfig("the configuration must be an object")
    listed = config.get("checks")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_CHECKS:
        raise BadConfig(f"config.checks must be a list of 1 to {MOST_CHECKS} checks")
    field = config.get("field")
    if field is not None and (not isinstance(field, str) or not field.strip()):
        raise BadConfig("config.field must be a path such as payload.text")
    unmatched = config.get("unmatched", "error")
    if unmatched not in ("error", "drop"):
        raise BadConfig("config.unmatched must be error or drop")
    checks = [check(entry, f"config.checks[{at}]", (field or "").strip()) for at, entry in enumerate(listed)]
    if any(one.kind == "default" for one in checks[:-1]):
        raise BadConfig("config.checks: the default must come last, for nothing behind it is ever reached")
    return Settings(checks=checks, drop=unmatched == "drop")


def check(entry: Any, at: str, field: str) -> Check:
    if not isinstance(entry, dict):
        raise BadConfig(f"{at} must be an object such as {{contains: text, emit: event.type}}")
    if "op" in entry:
        return long_form(entry, at, field)
    kinds = [key for key in (*SHORT, "default") if key in entry]
    if len(kinds) != 1 or set(entry) - {kinds[0], "emit", "path"}:
        raise BadConfig(
            f"{at} must have exactly one of {', '.join(SHORT)}, default, and `emit`; or path, op, value and emit"
        )
    kind = kinds[0]
    if kind == "default":
        emit = event_type(entry.get("emit", entry["default"]), at)
        return Check(kind=kind, path="", value=None, emit=emit, as_text=True)
    value = entry[kind]
    if value is None or isinstance(value, dict | list) or not as_text(value).strip():
        raise BadConfig(f"{at}.{kind} must be text and not empty")
    emit = event_type(entry.get("emit"), at)
    return sound(Check(kind=kind, path=path_of(entry, at, field), value=as_text(value), emit=emit, as_text=True), at)


def long_form(entry: Mapping[str, Any], at: str, field: str) -> Check:
    op = entry["op"]
    if not isinstance(op, str) or op not in OPS:
        raise BadConfig(f"{at}.op must be one of {', '.join(OPS)}")
    value = entry.get("value", True if op == "exists" else MISSING)
    if set(entry) - {"path", "op", "value", "emit"} or value is MISSING:
        raise BadConfig(f"{at} must have path, op, value and emit, and nothing else")
    if op in KINDS and (not isinstance(value, KINDS[op]) or (isinstance(value, bool) and op != "exists")):
        raise BadConfig(f"{at}.value does not suit {op}")
    emit = event_type(entry.get("emit"), at)
    return sound(Check(kind=op, path=path_of(entry, at, field), value=value, emit=emit, as_text=False), at)


def sound(made: Check, at: str) -> Check:
    if made.kind == "regex":
        try:
            re.compile(made.value)
        except re.error as error:
            raise BadConfig(f"{at}: {made.value!r} is no regular expression: {error}") from None
    return made


def path_of(entry: Mapping[str, Any], at: str, field: str) -> str:
    path = entry.get("path", field)
    if not isinstance(path, str) or not path.strip():
        raise BadConfig(f"{at} needs a `path`, or config.field for all checks")
    return path.strip()


def event_type(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadConfig(f"{at}.emit must be an event type")
    return value.strip()


@contextmanager
def bounded() -> Iterator[None]:
    """Raises TooLong for a regular expression that a text makes try for ever."""

    def ring(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    waiting = signal.setitimer(signal.ITIMER_REAL, THINK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *waiting)
        signal.signal(signal.SIGALRM, before)


def handle(request: Mapping[str, Any], at: Settings) -> Response:
    event = request.get("event")
    event = event if isinstance(event, dict) else {"payload": request.get("payload")}
    payload = event.get("payload")
    payload = {} if payload is None else payload
    if not isinstance(payload, dict):
        raise Refused("the payload must be an object")
    scope = {"payload": payload, "event": event, "context": request.get("context") or {}}
    with bounded():
        for number, one in enumerate(at.checks):
            try:
                if one.holds(scope):
                    return matched(one, number, payload, event.get("dedupe_key"))
            except TooLong:
                raise Refused(f"check {number + 1}: the regular expression takes too long on this text") from None
    if at.drop:
        return {"status": "ok", "result": "no check fits", "events": []}
    raise Refused("no check fits, and there is no default")


def matched(one: Check, number: int, payload: Mapping[str, Any], key: Any) -> Response:
    sentence = f"check {number + 1} ({one.kind}) -> {one.emit}"
    event: dict[str, Any] = {"type": one.emit, "payload": payload}
    if isinstance(key, str) and key:
        event["dedupe_key"] = f"{key}:{one.emit}"  # one event may become several by several switches
    return {"status": "ok", "result": sentence, "events": [event], "logs": [{"level": "info", "message": sentence}]}


def health(_request: Mapping[str, Any], _at: Settings) -> Response:
    return {"status": "ok", "result": "healthy"}


COMMANDS = {"handle": handle, "health": health}


def run(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"switch speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"switch knows the commands {', '.join(COMMANDS)}")
    return command(request, settings(request.get("config")))


def respond(stdin: bytes) -> tuple[Response, int]:
    try:
        return run(json.loads(stdin)), 0
    except BadConfig as error:
        return failed(str(error)), CONFIG_EXIT
    except Refused as error:
        return failed(str(error)), 0
    except (ValueError, RecursionError) as error:
        return failed(f"the request is not JSON: {error}"), 1


def failed(reason: str) -> Response:
    return {"status": "error", "error": reason, "retry": False}


def main() -> int:
    response, code = respond(sys.stdin.buffer.read())
    print(json.dumps(response))
    return code


if __name__ == "__main__":
    sys.exit(main())
