#!/usr/bin/env python3
"""Runs the commands that the operator allows, with arguments of declared types, and never a shell."""

import errno
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from sys_exec_process import FLOOD, Call, Ended, Stopped, run, stoppable
from sys_exec_settings import PATH, Command, Settings, settings
from sys_exec_values import BadConfig, Refused, shown

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
MARGIN = 3.0
"""Seconds before the job's deadline in which the command is ended and the answer is written."""
INHERITED = ("HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR")
MARKS = ("DUCTILE_INSTANCE", "DUCTILE_JOB_ID", "DUCTILE_ATTEMPT")
"""Variables by which the gateway finds processes of a job that should be over."""
LONGEST_VARIABLE = 100_000
"""Bytes of one payload value as a variable; the system takes 128 KiB."""
QUOTED = 500
"""Characters of stderr that an error quotes."""
PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY}

Response = dict[str, Any]


def payload_of(request: Mapping[str, Any]) -> Mapping[str, Any]:
    event = request.get("event")
    payload = event.get("payload") if isinstance(event, dict) else request.get("payload")
    payload = request.get("payload") if payload is None else payload
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise Refused("the payload must be an object")
    return payload


def execute(request: Mapping[str, Any], at: Settings) -> Response:
    payload = payload_of(request)
    command = at.chosen(payload.get("run"))
    argv = command.arguments(None if command is at.default else payload.get("args"))
    left = seconds_left(request.get("deadline_at")) - MARGIN
    if left <= 0:
        return failed(f"there is no time left to run {command.name}", retry=True)
    call = Call(
        program=command.program(),
        argv=argv,
        cwd=command.working_dir,
        env=environment(command, payload, request),
        stdin=json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace") if command.stdin == "payload" else b"",
        timeout=min(command.timeout, left),
        stdout_max=command.stdout_max,
        stderr_max=command.stderr_max,
    )
    began = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        ended = run(call)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC):
            raise BadConfig(f"{command.name} cannot be started: {error.strerror}") from None
        return failed(f"{command.name} cannot be started: {error.strerror}", retry=error.errno in PASSING)
    return answer(command, argv, ended, began, call.timeout)


def answer(command: Command, argv: list[str], ended: Ended, began: str, timeout: float) -> Response:
    succeeded = ended.exit_code in command.success and not ended.timed_out and not ended.flooded
    code = -1 if ended.timed_out else ended.exit_code
    sentence = f"{command.name} {how(ended, timeout)}"
    payload: dict[str, Any] = {
        "name": command.name,
        "command": shlex.join(argv),
        "exit_code": code,
        "succeeded": succeeded,
        "duration_ms": ended.duration_ms,
        "timed_out": ended.timed_out,
        "stdout_truncated": ended.stdout.truncated,
        "stderr_truncated": ended.stderr.truncated,
        "working_dir": str(command.working_dir),
        "executed_at": began,
    }
    if command.include_output:
        payload |= {"stdout": ended.stdout.text, "stderr": ended.stderr.text}
    emit = command.emit and (command.emit_on is None or code in command.emit_on)
    response: Response = {"status": "ok", "result": sentence, "logs": logs(ended, sentence, succeeded=succeeded)}
    response["events"] = [{"type": command.event_type, "payload": payload}] if emit else []
    if succeeded:
        return response
    said = ended.stderr.text.strip()[-QUOTED:]
    retry = command.retry_on_timeout if ended.timed_out else not ended.flooded and ended.exit_code in command.retried
    return {**response, **failed(f"{sentence}: {said}" if said else sentence, retry=retry)}


def how(ended: Ended, timeout: float) -> str:
    if ended.timed_out:
        return f"was ended after {timeout:g} s (timeout_seconds, or the job's deadline)"
    if ended.flooded:
        return f"was ended for it wrote more than {FLOOD} bytes"
    if ended.exit_code < 0:
        return f"was killed by {signal_name(-ended.exit_code)} after {ended.duration_ms} ms"
    return f"exited with code {ended.exit_code} in {ended.duration_ms} ms"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def logs(ended: Ended, sentence: str, *, succeeded: bool) -> list[dict[str, str]]:
    found = [{"level": "info" if succeeded else "error", "message": sentence}]
    for name, output, level in (("stdout", ended.stdout, "info"), ("stderr", ended.stderr, "warn")):
        if output.size:
            cut = f" ({output.size} bytes, cut off)" if output.truncated else ""
            found.append({"level": level, "message": f"{name}{cut}: {output.text}"})
    return found


def seconds_left(deadline: Any) -> float:
    try:
        return datetime.fromisoformat(str(deadline).replace("Z", "+00:00")).timestamp() - time.time()
    except ValueError:
        return 3600.0


def environment(command: Command, payload: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, str]:
    """All variables of the command; nothing else of this process's own reaches it."""
    own = {name: os.environ[name] for name in INHERITED if name in os.environ}
    own |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    env = {"PATH": os.environ.get("PATH", PATH), **own, **command.env}
    if command.payload_env:
        env |= payload_variables(payload)
    env |= {name: os.environ[name] for name in MARKS if name in os.environ}
    event = request.get("event")
    kind = event.get("type") if isinstance(event, dict) else None
    return {**env, "DUCTILE_COMMAND": str(request.get("command")), "DUCTILE_EVENT_TYPE": clean(kind or "")}


def payload_variables(payload: Mapping[str, Any]) -> dict[str, str]:
    """DUCTILE_PAYLOAD_NAME for each member: text as it is, everything else as JSON; the first of two alike counts."""
    found: dict[str, str] = {}
    for key, value in payload.items():
        name = "DUCTILE_PAYLOAD_" + (re.sub(r"[^A-Z0-9]+", "_", key.upper()).strip("_") or "VALUE")
        plain = value is None or isinstance(value, str | int | float)
        text = clean("" if value is None else shown(value) if plain else json.dumps(value, ensure_ascii=False))
        if len(text.encode()) > LONGEST_VARIABLE:
            raise Refused(f"payload.{key} is too long for a variable; use `stdin: payload` for {name}")
        found.setdefault(name, text)
    return found


def clean(value: Any) -> str:
    return str(value).replace("\0", "").encode("utf-8", "replace").decode()


def listed(_request: Mapping[str, Any], at: Settings) -> Response:
    """What may be run, with its arguments."""
    commands = {**at.commands, **({"(default)": at.default} if at.default else {})}
    result = [
        {
            "run": name,
            "description": command.description,
            "args": [
                {"name": one.name, "type": one.type, "required": one.required, "description": one.description}
                for one in command.args.values()
            ],
        }
        for name, command in sorted(commands.items())
    ]
    return {"status": "ok", "result": {"commands": result}}


def health(_request: Mapping[str, Any], at: Settings) -> Response:
    for command in (*at.commands.values(), *([at.default] if at.default else [])):
        command.program()
    return {"status": "ok", "result": "healthy"}


COMMANDS: Mapping[str, Callable[[Mapping[str, Any], Settings], Response]] = {
    "handle": execute,
    "poll": execute,
    "list": listed,
    "health": health,
}


def perform(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"sys_exec speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"sys_exec knows the commands {', '.join(COMMANDS)}")
    return command(request, settings(request.get("config") or {}))


def respond(stdin: bytes) -> tuple[Response, int]:
    try:
        return perform(json.loads(stdin)), 0
    except BadConfig as error:
        return failed(str(error)), CONFIG_EXIT
    except Refused as error:
        return failed(str(error)), 0
    except (ValueError, RecursionError) as error:
        return failed(f"the request is not JSON: {error}"), 1


def failed(reason: str, *, retry: bool = False) -> Response:
    return {"status": "error", "error": reason, "retry": retry}


def main() -> int:
    stdin = sys.stdin.buffer.read()  # while it waits here SIGTERM simply ends it
    try:
        with stoppable():
            response, code = respond(stdin)
    except Stopped:
        return 128 + signal.SIGTERM
    print(json.dumps(response))
    return code


if __name__ == "__main__":
    sys.exit(main())
