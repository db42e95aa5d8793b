"""What is told: a title in one line and a text of bounded length, made from an event's payload."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE_CHARS = 200
BODY_BYTES = 1024 * 1024
"""The largest JSON that is posted."""
MOST_VALUES = 1000
"""Of a payload that is posted along with the message."""
_SPACE = re.compile(r"\s+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Refused(Exception):
    """The message cannot be sent, however often it is tried."""


@dataclass(frozen=True)
class Message:
    """What is told, and what it was made from."""

    title: str
    text: str
    job_id: str
    """Of the job that sends: the same for each of its attempts."""
    event: str | None
    payload: Mapping[str, Any]
    max_chars: int

    def slack(self) -> dict[str, Any]:
        """The body of an incoming webhook: nothing in it is read as a mention, a link or a channel."""
        return {"text": f"*{escaped(self.title)}*\n{escaped(self.text)}"}

    def json(self) -> Mapping[str, Any]:
        """The body that is posted to a URL: the payload's own `body`, or all that is known."""
        body = self.payload.get("body")
        if isinstance(body, dict):
            return body
        return {
            "title": self.title,
            "text": self.text,
            "event": self.event,
            "payload": _bounded(self.payload, self.max_chars, [MOST_VALUES]),
        }


def message(request: Mapping[str, Any], max_chars: int) -> Message:
    """Raises Refused."""
    event = request.get("event") or {}
    payload = event.get("payload") if request.get("command") == "handle" else request.get("payload")
    payload = {} if payload is None else payload
    if not isinstance(payload, dict):
        raise Refused("the payload must be an object")
    if "body" in payload and not isinstance(payload["body"], dict):
        raise Refused("payload.body must be an object")
    kind = event.get("type") if isinstance(event.get("type"), str) else None
    return Message(
        title=_title(payload, kind),
        text=shortened(_text(payload), max_chars),
        job_id=str(request.get("job_id") or ""),
        event=kind,
        payload=payload,
        max_chars=max_chars,
    )


def _title(payload: Mapping[str, Any], kind: str | None) -> str:
    """One line, whatever came: a line break would begin a header of its own in a mail."""
    given = _first(payload, "title", "subject")
    plugin, command, status = (payload.get(key) for key in ("plugin", "command", "status"))
    if not given and isinstance(plugin, str) and isinstance(status, str):
        given = f"{plugin} {command}: {status}" if isinstance(command, str) else f"{plugin}: {status}"
    line = _SPACE.sub(" ", _CONTROLS.sub(" ", given or kind or "Notification")).strip()
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1]}…"


def _text(payload: Mapping[str, Any]) -> str:
    """What the payload says; of a lifecycle hook with the job that it speaks of."""
    said = _first(payload, "text", "message") or json.dumps(payload, ensure_ascii=False, indent=2)
    about = [
        f"{word} {payload[key]}"
        for key, word in (("job_id", "job"), ("attempt", "attempt"))
        if isinstance(payload.get(key), (str, int)) and "status" in payload
    ]
    said = said.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join([_CONTROLS.sub("�", said), *([" · ".join(about)] if about else [])])


def _first(payload: Mapping[str, Any], *keys: str) -> str | None:
    """The first of the values that says anything; one that is no text as JSON."""
    for key in keys:
        value = payload.get(key)
        said = value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)
        if said and said.strip():
            return said
    return None


def shortened(text: str, most: int) -> str:
    """Two thirds of the room for the head, one for the tail: an error's end often says why."""
    if len(text) <= most:
        return text
    note = f"\n[… {len(text) - most} characters left out …]\n"
    room = max(most - len(note), 0)
    tail = room // 3
    return f"{text[: room - tail]}{note}{text[len(text) - tail :]}"


def escaped(text: str) -> str:
    """As Slack wants it: `<!channel>`, `<@U1>` and `<https://…|text>` stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _bounded(value: Any, most: int, left: list[int]) -> Any:
    """The value with shortened texts; what is beyond the count of values is left out."""
    left[0] -= 1
    if isinstance(value, str):
        return shortened(value, most)
    if isinstance(value, dict):
        return {key: _bounded(member, most, left) for key, member in value.items() if left[0] > 0}
    if isinstance(value, list):
        return [_bounded(member, most, left) for member in value if left[0] > 0]
    return value
