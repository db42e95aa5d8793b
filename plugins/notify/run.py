#!/usr/bin/env python3
"""Tells people and services what has happened, by HTTP, Slack or mail.

Where to is the operator's decision alone: no payload names a URL, a header or a recipient (notify_settings.py).
notify_message.py makes the text, notify_post.py and notify_mail.py send it.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from notify_mail import send
from notify_message import Refused, message
from notify_post import Failed, post
from notify_settings import BadConfig, secrets, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from notify_message import Message
    from notify_settings import Settings

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
MARGIN_SECONDS = 1.0
"""Between the plugin's own time limit and the job's deadline."""
MASK = "[REDACTED]"


class TooLate(Exception):
    """The time for the message is over."""


def http(message: Message, at: Settings) -> dict[str, Any]:
    if at.http is None:
        raise BadConfig("config.http is missing")
    return {"channel": "http", "status_code": post(at.http, message.json(), message.job_id, at.timeout_seconds)}


def slack(message: Message, at: Settings) -> dict[str, Any]:
    if at.slack is None:
        raise BadConfig("config.slack is missing")
    return {"channel": "slack", "status_code": post(at.slack, message.slack(), message.job_id, at.timeout_seconds)}


def smtp(message: Message, at: Settings) -> dict[str, Any]:
    if at.smtp is None:
        raise BadConfig("config.smtp is missing")
    return {"channel": "smtp", "refused": send(at.smtp, message, at.timeout_seconds)}


def handle(message: Message, at: Settings) -> dict[str, Any]:
    if at.channel is None:
        raise BadConfig("config.channel must say what `handle` sends by, since several channels are configured")
    return SENDERS[at.channel](message, at)


SENDERS: Mapping[str, Callable[[Message, Settings], dict[str, Any]]] = {
    "handle": handle,
    "http": http,
    "slack": slack,
    "smtp": smtp,
}
HEALTH = "health"


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends what takes longer: a server that sends a byte now and then, or a name that is not resolved."""

    def over(*_: Any) -> None:
        raise TooLate

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def seconds_left(request: Mapping[str, Any], at: Settings) -> float:
    """Until the plugin's own limit or shortly before the job's deadline, whichever is earlier."""
    try:
        deadline = datetime.fromisoformat(str(request.get("deadline_at")).replace("Z", "+00:00"))
        left = (deadline - datetime.now(timezone.utc)).total_seconds() - MARGIN_SECONDS
    except (ValueError, TypeError):  # without a deadline, or one without an offset
        return at.timeout_seconds
    return max(0.05, min(at.timeout_seconds, left))


def run(request: Any) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise Refused("the request must be an object")
    if request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"notify speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = request.get("command")
    if command != HEALTH and command not in SENDERS:
        raise Refused(f"notify knows the commands {', '.join((*SENDERS, HEALTH))}")
    for member in ("config", "event"):
        if not isinstance(request.get(member) or {}, dict):
            raise Refused(f"`{member}` of the request must be an object")
    at = settings(request.get("config") or {})
    if command == HEALTH:
        return {"status": "ok", "result": "healthy"}
    told = message(request, at.max_text_chars)
    seconds = seconds_left(request, at)
    try:
        with time_limit(seconds):
            result = SENDERS[command](told, at)
    except TooLate:
        raise Failed(f"it could not be sent within {seconds:.1f} s") from None
    return {"status": "ok", "result": result, "logs": list(warnings(result))}


def warnings(result: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for address in result.get("refused", ()):
        yield {"level": "warn", "message": f"the mail server did not take the recipient {address}"}


def respond(request: Any) -> tuple[dict[str, Any], int]:
    try:
        return run(request), 0
    except BadConfig as error:
        return failed(request, error), CONFIG_EXIT
    except Refused as error:
        return failed(request, error), 0
    except Failed as error:
        return failed(request, error, retry=True), 0


def failed(request: Any, error: Exception, *, retry: bool = False) -> dict[str, Any]:
    return {"status": "error", "error": masked(str(error), request), "retry": retry}


def masked(text: str, request: Any) -> str:
    """The text without the configuration's secrets, which a server may repeat."""
    config = request.get("config") if isinstance(request, dict) else None
    for secret in sorted(secrets(config), key=len, reverse=True) if isinstance(config, dict) else ():
        text = text.replace(secret, MASK)
    return text


def main() -> int:
    try:
        request = json.loads(sys.stdin.buffer.read())
    except (ValueError, RecursionError) as error:
        print(json.dumps({"status": "error", "error": f"the request is not JSON: {error}", "retry": False}))
        return 1
    response, code = respond(request)
    print(json.dumps(response))
    return code


if __name__ == "__main__":
    sys.exit(main())
