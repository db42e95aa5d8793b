#!/usr/bin/env python3
"""Counts what a text is made of."""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
WORD = re.compile("\\w+(?:['\N{RIGHT SINGLE QUOTATION MARK}]\\w+)*")
MOST_TOP_WORDS = 1000

Response = dict[str, Any]


class Refused(Exception):
    """The request cannot be done, however often it is tried."""


class BadConfig(Exception):
    """The operator has to mend the configuration."""


def top_words(config: Mapping[str, Any]) -> int:
    count = config.get("top_words", 5)
    if type(count) is not int or not 0 <= count <= MOST_TOP_WORDS:
        raise BadConfig(f"config.top_words must be a whole number from 0 to {MOST_TOP_WORDS}")
    return count


def statistics(text: str, top: int) -> dict[str, Any]:
    """Words are compared without case; of equally common ones the alphabetically first is listed first."""
    words = Counter(word.casefold() for word in WORD.findall(text))
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    counts = {
        "lines": len(text.splitlines()),
        "words": words.total(),
        "characters": len(text),
        "bytes": len(text.encode("utf-8", "surrogatepass")),
    }
    summary = ", ".join(f"{count} {name.removesuffix('s') if count == 1 else name}" for name, count in counts.items())
    return {**counts, "top_words": [{"word": word, "count": n} for word, n in ranked[:top]], "summary": summary}


def measure(request: Mapping[str, Any]) -> Response:
    payload = (request.get("event") or {}).get("payload") or request.get("payload")
    text = payload.get("text") if isinstance(payload, dict) else None
    if not isinstance(text, str):
        raise Refused("payload.text must be text")
    return {"status": "ok", "result": statistics(text, top_words(request.get("config") or {}))}


def handle(request: Mapping[str, Any]) -> Response:
    response = measure(request)
    return {**response, "events": [{"type": "text_stats.measured", "payload": response["result"]}]}


def health(request: Mapping[str, Any]) -> Response:
    top_words(request.get("config") or {})
    return {"status": "ok", "result": "healthy"}


COMMANDS = {"measure": measure, "handle": handle, "health": health}


def run(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"text_stats speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"text_stats knows the commands {', '.join(COMMANDS)}")
    for member in ("config", "event"):
        if not isinstance(request.get(member) or {}, dict):
            raise Refused(f"`{member}` of the request must be an object")
    return command(request)


def failed(reason: object) -> Response:
    return {"status": "error", "error": str(reason), "retry": False}


def respond(stdin: bytes) -> tuple[Response, int]:
    try:
        return run(json.loads(stdin)), 0
    except BadConfig as error:
        return failed(error), CONFIG_EXIT
    except Refused as error:
        return failed(error), 0
    except (ValueError, RecursionError) as error:
        return failed(f"the request is not JSON: {error}"), 1


def main() -> int:
    response, code = respond(sys.stdin.buffer.read())
    print(json.dumps(response))
    return code


if __name__ == "__main__":
    sys.exit(main())
