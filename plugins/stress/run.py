#!/usr/bin/env python3
"""Takes as long, as much and fails as often as it is told to: for load tests, and to see what a gateway does then."""

import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

PROTOCOL = 2
MIB = 1024 * 1024
FAILURES = ("error", "exit", "kill", "hang", "garbage")
LIMITS: Mapping[str, tuple[float, float]] = {
    "sleep_ms": (0, 600_000),
    "cpu_ms": (0, 600_000),
    "memory_mb": (0, 1024),
    "output_bytes": (0, 9 * MIB),
    "stderr_bytes": (0, MIB),
    "events": (0, 1000),
    "event_bytes": (0, 100_000),
    "fail_rate": (0, 1),
    "exit_code": (1, 255),
    "duration_seconds": (0, 600),
    "size_mb": (0, 1024),
    "iterations": (0, 1000),
}
"""What a payload may ask for, from and to; the schemas in the manifest say the same."""
MOST_OUT = 9 * MIB
"""Bytes of a response; the gateway reads 10 MiB."""
PAGE = 4096

Response = dict[str, Any]
Payload = Mapping[str, Any]


class Refused(Exception):
    """The request cannot be done, however often it is tried."""


def number(payload: Payload, name: str, default: float = 0) -> float:
    value = payload.get(name, default)
    least, most = LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Refused(f"payload.{name} must be a number from {least} to {most}")
    return value


def whole(payload: Payload, name: str, default: int = 0) -> int:
    value = number(payload, name, default)
    if value != int(value):
        raise Refused(f"payload.{name} must be a whole number")
    return int(value)


def payload_of(request: Mapping[str, Any]) -> Payload:
    event = request.get("event")
    payload = event.get("payload") if isinstance(event, dict) else request.get("payload")
    payload = {} if payload is None else payload
    if not isinstance(payload, dict):
        raise Refused("the payload must be an object")
    return payload


def burn(seconds: float) -> float:
    """Uses one processor for so long; the seconds it really took."""
    begun = time.monotonic()
    data = b"x" * PAGE
    while time.monotonic() - begun < seconds:
        data = hashlib.sha256(data).digest()
    return time.monotonic() - begun


def held(megabytes: int) -> bytearray:
    """Memory that is really used: each page is written to."""
    memory = bytearray(megabytes * MIB)
    memory[::PAGE] = b"x" * len(range(0, len(memory), PAGE))
    return memory


def run(request: Mapping[str, Any]) -> Response:
    payload = payload_of(request)
    count, size = whole(payload, "events"), whole(payload, "event_bytes")
    out = whole(payload, "output_bytes")
    if out + count * (size + 200) > MOST_OUT:
        raise Refused(f"output_bytes and events together are more than {MOST_OUT} bytes")
    rate, code, kind = number(payload, "fail_rate"), whole(payload, "exit_code", 1), failure(payload)
    numbers = [number(payload, name) for name in ("sleep_ms", "cpu_ms", "memory_mb", "stderr_bytes")]
    begun = time.monotonic()
    memory = held(int(numbers[2]))
    time.sleep(numbers[0] / 1000)
    burn(numbers[1] / 1000)
    write_stderr(int(numbers[3]))
    took = int((time.monotonic() - begun) * 1000)
    if unlucky(request, rate):
        return fail(kind, code, payload)
    result = {"took_ms": took, "memory_mb": len(memory) // MIB, "output": "x" * out}
    events = [{"type": "stress.event", "payload": {"number": n, "of": count, "data": "x" * size}} for n in range(count)]
    return {"status": "ok", "result": result, "events": events}


def failure(payload: Payload) -> str:
    kind = payload.get("failure", "error")
    if not isinstance(kind, str) or kind not in FAILURES:
        raise Refused(f"payload.failure must be one of {', '.join(FAILURES)}")
    if not isinstance(payload.get("retry", True), bool):
        raise Refused("payload.retry must be true or false")
    return kind


def unlucky(request: Mapping[str, Any], rate: float) -> bool:
    """Whether this attempt fails: by chance, and the same one always alike."""
    seed = f"{request.get('job_id')}/{request.get('attempt')}" if request.get("job_id") else None
    return random.Random(seed).random() < rate  # noqa: S311 - nothing secret hangs on it


def fail(kind: str, code: int, payload: Payload) -> Response:
    """Fails in the way that is asked for; only `error` comes back from here."""
    if kind == "exit":
        leave(code)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "garbage":
        print("this is no response")
        leave(0)
    while kind == "hang":
        signal.pause()
    return {"status": "error", "error": "failed as it was told to", "retry": payload.get("retry", True)}


def leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def write_stderr(size: int) -> None:
    sys.stderr.write("x" * size)
    sys.stderr.flush()


def cpu(request: Mapping[str, Any]) -> Response:
    took = burn(number(payload_of(request), "duration_seconds", 5))
    return {"status": "ok", "result": {"result": "calculations complete", "actual_duration": round(took, 3)}}


def io(request: Mapping[str, Any]) -> Response:
    """Writes a file in the temporary folder, and removes it. It has no name there, so that a crash leaves none."""
    size = whole(payload_of(request), "size_mb", 10)
    block = b"X" * MIB
    seen = hashlib.sha256()
    begun = time.monotonic()
    try:
        with tempfile.TemporaryFile() as file:
            for _ in range(size):
                file.write(block)
                seen.update(block)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return {"status": "error", "error": f"{tempfile.gettempdir()}: {error.strerror}", "retry": True}
    took = max(time.monotonic() - begun, 1e-6)
    return {"status": "ok", "result": {"hash": seen.hexdigest(), "write_speed_mbps": round(size / took, 1)}}


def state(request: Mapping[str, Any]) -> Response:
    """Counts in the plugin's state, and emits an event for each step."""
    steps = whole(payload_of(request), "iterations", 10)
    known = request.get("state")
    count = known.get("count", 0) if isinstance(known, dict) else 0
    count = count if type(count) is int else 0
    events = [
        {"type": "stress.state_increment", "payload": {"step": step, "total": count + step + 1}}
        for step in range(steps)
    ]
    final = count + steps
    return {"status": "ok", "result": {"final_count": final}, "events": events, "state_updates": {"count": final}}


def health(_request: Mapping[str, Any]) -> Response:
    return {"status": "ok", "result": "healthy"}


COMMANDS: Mapping[str, Callable[[Mapping[str, Any]], Response]] = {
    "run": run,
    "handle": run,
    "cpu": cpu,
    "io": io,
    "state": state,
    "health": health,
}


def perform(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"stress speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"stress knows the commands {', '.join(COMMANDS)}")
    return command(request)


def respond(stdin: bytes) -> tuple[Response, int]:
    try:
        return perform(json.loads(stdin)), 0
    except Refused as error:
        return failed(str(error)), 0
    except MemoryError:
        return {**failed("there is not enough memory"), "retry": True}, 0
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
