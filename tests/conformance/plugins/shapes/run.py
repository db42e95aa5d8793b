#!/usr/bin/env python3
"""Answers in the shape that its command names."""

import json
import sys
from typing import NoReturn

MEGABYTE = 1024 * 1024
OK = {"status": "ok", "result": "fine"}


def say(text: str | bytes, code: int = 0) -> NoReturn:
    sys.stdout.buffer.write(text if isinstance(text, bytes) else text.encode())
    sys.stdout.buffer.flush()
    sys.exit(code)


def slowly(text: str) -> NoReturn:
    for character in text:
        sys.stdout.write(character)
        sys.stdout.flush()
    sys.exit(0)


def noisily() -> NoReturn:
    sys.stderr.write("noise\n" * 100_000 + "the end of the noise\n")
    say(json.dumps(OK))


FRAMES = [{"progress": 0.5}, {"log": {"level": "warning", "message": "half"}}, {"log": "plain"}]
EVENTS = [
    {"type": "shape.full", "payload": {"n": 1}, "dedupe_key": "once"},
    {"type": "shape.bare"},
    {"type": "shape.null", "payload": None, "dedupe_key": None},
    {"type": "shape.own", "payload": {"result": "its own"}},
]
SHAPES = {
    "plain": lambda: say(json.dumps(OK)),
    "pretty": lambda: say(json.dumps(OK, indent=4) + "\n\n\n"),
    "crlf": lambda: say(json.dumps(OK, indent=2).replace("\n", "\r\n") + "\r\n"),
    "slow": lambda: slowly(json.dumps(OK)),
    "noisy": noisily,
    "unicode": lambda: say(json.dumps({"status": "ok", "result": "naïve 🙂 日本 \u0000 \u2028"}, ensure_ascii=False)),
    "escaped": lambda: say(json.dumps({"status": "ok", "result": "naïve 🙂 日本 \u0000 \u2028"}, ensure_ascii=True)),
    "huge": lambda: say(json.dumps({"status": "ok", "result": "h" * (9 * MEGABYTE)})),
    "flood": lambda: say(json.dumps({"status": "ok", "result": "h" * (11 * MEGABYTE)})),
    "number": lambda: say('{"status": "ok", "result": 0}'),
    "list": lambda: say('{"status": "ok", "result": [1, null, {"a": []}]}'),
    "sparse": lambda: say('{"status": "ok", "result": "fine", "error": null, "events": null, "logs": null}'),
    "extra": lambda: say(json.dumps({**OK, "stopwatch_subs": [{"name": "a"}], "metrics": {}})),
    "frames": lambda: say("\n".join(map(json.dumps, [*FRAMES, {**OK, "logs": [{"message": "done"}]}]))),
    "joined": lambda: say("".join(map(json.dumps, [*FRAMES, OK]))),
    "events": lambda: say(json.dumps({**OK, "events": EVENTS})),
    "exit_3": lambda: say(json.dumps(OK), code=3),
    "error": lambda: say('{"status": "error", "error": "no luck", "retry": false}'),
    "error_events": lambda: say(json.dumps({"status": "error", "error": "no", "retry": False, "events": EVENTS[:1]})),
    "exit_78": lambda: say("", code=78),
    "mute": lambda: say(""),
    "banner": lambda: say("Loading model…\n" + json.dumps(OK)),
    "trailer": lambda: say(json.dumps(OK) + "\nbye\n"),
    "twice": lambda: say(json.dumps(OK) * 2),
    "cut": lambda: say(json.dumps(OK)[:-5]),
    "array": lambda: say("[]"),
    "no_status": lambda: say('{"result": "fine"}'),
    "no_result": lambda: say('{"status": "ok"}'),
    "bom": lambda: say("\ufeff" + json.dumps(OK)),
    "latin_1": lambda: say('{"status": "ok", "result": "naïve"}'.encode("latin-1")),
    "nan": lambda: say('{"status": "ok", "result": NaN}'),
}

if __name__ == "__main__":
    SHAPES[json.load(sys.stdin)["command"]]()
