#!/usr/bin/env python3
"""Greets by name. One request (a JSON object) comes on stdin, one response goes to stdout."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""

Request = Mapping[str, Any]
Response = dict[str, Any]


class BadRequest(Exception):
    """The request cannot be done, however often it is tried."""


class BadConfig(Exception):
    """The operator has to mend the configuration."""


def greeting_word(config: Mapping[str, Any]) -> str:
    word = config.get("greeting", "Hello")
    if not isinstance(word, str) or not word.strip():
        raise BadConfig("config.greeting must be text")
    return word


def greeting(request: Request, payload: Any) -> tuple[str, str]:
    name = payload.get("name") if isinstance(payload, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise BadRequest("payload.name must be text and not empty")
    return name, f"{greeting_word(request.get('config') or {})}, {name}!"


def greet(request: Request) -> Response:
    _, text = greeting(request, request.get("payload"))
    return {"status": "ok", "result": text}


def handle(request: Request) -> Response:
    event = request.get("event") or {}
    name, text = greeting(request, event.get("payload"))
    greeted = {"type": "py-greet.greeted", "payload": {"name": name, "greeting": text}}
    return {"status": "ok", "result": text, "events": [greeted], "logs": [{"level": "info", "message": text}]}


def health(request: Request) -> Response:
    greeting_word(request.get("config") or {})
    return {"status": "ok", "result": "healthy"}


COMMANDS: Mapping[str, Callable[[Request], Response]] = {"greet": greet, "handle": handle, "health": health}


def run(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise BadRequest(f"py-greet speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise BadRequest(f"py-greet knows the commands {', '.join(COMMANDS)}")
    for member in ("config", "event"):
        if not isinstance(request.get(member) or {}, dict):
            raise BadRequest(f"`{member}` of the request must be an object")
    return command(request)


def failed(error: Exception) -> Response:
    return {"status": "error", "error": str(error), "retry": False}


def respond(request: Any) -> tuple[Response, int]:
    try:
        return run(request), 0
    except BadRequest as error:
        return failed(error), 0
    except BadConfig as error:
        return failed(error), CONFIG_EXIT


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
