"""Write a Ductile plugin as functions. Copy this file beside your entrypoint; it needs Python 3.9 and nothing else.

    from ductile_plugin import Failure, Plugin

    plugin = Plugin()

    @plugin.command
    def greet(request):
        request.log("somebody came")
        return f"Hello, {request.payload.get('name', 'world')}!"

    plugin.run()

What a function returns is the `result`. `Failure` says that the job has failed; any other exception does too, with its
traceback on stderr. The same script serves both lifecycles: run once a job, it reads one request and ends; with
`lifecycle: persistent` in its manifest it stays up and answers request after request.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from io import TextIOWrapper
from typing import Any, Callable, TextIO

LIFECYCLE = "DUCTILE_LIFECYCLE"
PROTOCOL = 2


class Failure(Exception):
    """The job has failed. With `retry=False` it will not be tried again; `data` goes on as the result."""

    def __init__(self, message: str, *, retry: bool = True, data: Any = None) -> None:
        super().__init__(message)
        self.retry = retry
        self.data = data


class Request:
    """What is asked: command, payload, config, state, context, event, job_id, attempt, deadline_at."""

    def __init__(self, fields: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
        self.fields = fields
        self.command = str(fields.get("command", ""))
        self.payload = fields.get("payload") or {}
        self.config = fields.get("config") or {}
        self.state = fields.get("state") or {}
        self.context = fields.get("context") or {}
        self.event = fields.get("event")
        self.job_id = fields.get("job_id")
        self.attempt = fields.get("attempt")
        self.deadline_at = fields.get("deadline_at")
        self.cancelled = threading.Event()
        """Set when the gateway wants it to end; seen only with `concurrency` above 1, else the worker is ended."""
        self._send = send
        self._events: list[dict[str, Any]] = []
        self._updates: dict[str, Any] | None = None

    def log(self, message: object, level: str = "info") -> None:
        """An entry of the job's logs, at once."""
        self._send({"log": {"level": level, "message": str(message)}})

    def progress(self, value: Any) -> None:
        """How far it has come, at once: any JSON value, such as {"done": 3, "of": 10}."""
        self._send({"progress": value})

    def emit(self, event_type: str, payload: dict[str, Any] | None = None, dedupe_key: str | None = None) -> None:
        """An event, for the pipelines and routes behind this job."""
        event: dict[str, Any] = {"type": event_type, "payload": payload or {}}
        if dedupe_key is not None:
            event["dedupe_key"] = dedupe_key
        self._events.append(event)

    def remember(self, **values: Any) -> None:
        """Keeps values in the plugin's state, for the requests to come."""
        self._updates = {**(self._updates or {}), **values}

    def finish(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with what was emitted and remembered."""
        if self._events:
            answer["events"] = self._events
        if self._updates is not None:
            answer["state_updates"] = self._updates
        return answer


Command = Callable[[Request], Any]


class Plugin:
    """The commands of a plugin. `concurrency`: how many requests a persistent one answers at once, each in a thread."""

    def __init__(self, concurrency: int = 1) -> None:
        self._concurrency = concurrency
        self._commands: dict[str, Command] = {}

    def command(self, function: Command | None = None, *, name: str | None = None) -> Any:
        """Makes a function the command of its name: `@plugin.command` or `@plugin.command(name="do-it")`."""
        if function is None:
            return lambda given: self.command(given, name=name)
        self._commands[name or function.__name__] = function
        return function

    def run(self) -> None:
        """Answers what is asked on stdin. What anything prints goes to stderr: stdout belongs to the protocol."""
        out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        if os.environ.get(LIFECYCLE) == "persistent":
            Worker(self, out, self._concurrency).run()
        else:
            self._run_once(out)

    def _run_once(self, out: TextIO) -> None:
        def send(frame: dict[str, Any]) -> None:
            out.write(json.dumps(frame) + "\n")
            out.flush()

        try:
            fields = json.load(sys.stdin)
            if not isinstance(fields, dict):
                raise ValueError("it is not an object")  # noqa: TRY301, TRY004 - said in one place
        except ValueError as error:
            send({"status": "error", "error": f"the request cannot be read: {error}", "retry": False})
            sys.exit(1)
        send(self.answer(Request(fields, send)))

    def answer(self, request: Request) -> dict[str, Any]:
        """The response to a request."""
        if request.fields.get("protocol") != PROTOCOL:
            return _error(
                f"this plugin speaks protocol {PROTOCOL}, not {request.fields.get('protocol')!r}", retry=False
            )
        function = self._commands.get(request.command)
        if function is None:
            known = ", ".join(sorted(self._commands))
            return _error(f"there is no command {request.command!r}; there is {known}", retry=False)
        try:
            result = function(request)
            answer = {"status": "ok", "result": "" if result is None else result}
            json.dumps(answer)
        except Failure as failure:
            answer = _error(str(failure), retry=failure.retry)
            if failure.data is not None:
                answer["result"] = failure.data
        except Exception as error:
            traceback.print_exc()
            answer = _error(f"{type(error).__name__}: {error}")
        return request.finish(answer)


class Worker:
    """Answers request after request, a line each."""

    def __init__(self, plugin: Plugin, out: TextIO, concurrency: int) -> None:
        self._plugin = plugin
        self._out = out
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._open: dict[str, Request] = {}

    def run(self) -> None:
        """Until stdin ends."""
        self._write({"ready": True, "protocol": PROTOCOL, "concurrency": self._concurrency})
        if self._concurrency == 1:
            for line in sys.stdin.buffer:
                self._take(line, lambda job, *given: job(*given))
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most workers do without

        with ThreadPoolExecutor(self._concurrency) as pool:
            for line in sys.stdin.buffer:
                self._take(line, pool.submit)

    def _take(self, line: bytes, start: Callable[..., Any]) -> None:
        fields = json.loads(line)
        if "cancel" in fields:
            request = self._open.get(fields["cancel"])
            if request is not None:
                request.cancelled.set()
            return
        number: str = fields["id"]
        request = self._open[number] = Request(fields, lambda frame: self._write({"id": number, **frame}))
        start(self._work, number, request)

    def _work(self, number: str, request: Request) -> None:
        try:
            answer = self._plugin.answer(request)
        finally:
            del self._open[number]
        self._write({"id": number, **answer})

    def _write(self, value: dict[str, Any]) -> None:
        line = json.dumps(value) + "\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()


def _error(message: str, *, retry: bool = True) -> dict[str, Any]:
    return {"status": "error", "error": message, "retry": retry}
