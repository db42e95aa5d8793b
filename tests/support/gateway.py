"""The real gateway as a process of its own, in a folder of its own, spoken to over HTTP."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ductile.plugin.sweep import kill_instance
from support.conformity import Conformity

TOKEN = "test-token-of-the-admin"
READY_WITHIN = 20.0
"""Seconds in which a gateway must be ready."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


def write_plugin(folder: Path, name: str, script: str, commands: Mapping[str, Any] | None = None, **more: Any) -> Path:
    """Drop a plugin into a plugin root: its manifest, and its script as the entrypoint."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    manifest = {
        "manifest_spec": "ductile.plugin",
        "manifest_version": 1,
        "name": name,
        "version": "1.0.0",
        "protocol": 2,
        "entrypoint": "run",
        "commands": [{"name": verb, **(about or {})} for verb, about in (commands or {"handle": {}}).items()],
        **more,
    }
    (home / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    entrypoint = home / "run"
    # Renamed into place: a script that is still open for writing cannot be executed.
    fresh = home / ".run.new"
    fresh.write_text(script)
    fresh.chmod(0o755)
    fresh.rename(entrypoint)
    return home


class Gateway:
    """A gateway in `folder`: `configure` it, `start` it, `call` it, `kill` or `stop` it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plugins = folder / "plugins"
        self.plugins.mkdir(parents=True, exist_ok=True)
        self.config: dict[str, Any] = {
            "service": {"log_level": "debug", "log_format": "json"},
            "state": {"path": "./state.db"},
            "api": {
                "listen": "127.0.0.1:0",
                "auth": {"tokens": [{"name": "admin", "token": TOKEN, "scopes": ["*"]}]},
            },
            "plugin_roots": ["./plugins"],
        }
        self.program: tuple[str, ...] = (sys.executable, "-m", "ductile.cli.main")
        self.process: subprocess.Popen[str] | None = None
        self.log: list[dict[str, Any]] = []
        self.address = ("", 0)
        self._ready = threading.Event()
        self._reader: threading.Thread | None = None
        self._conformity = Conformity(self._openapi)

    def configure(self, **sections: Any) -> None:
        """Write config.yaml: each section given is merged over what stands."""
        for name, value in sections.items():
            known = self.config.get(name)
            self.config[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        fresh = self.folder / "config.yaml.new"
        fresh.write_text(yaml.safe_dump(self.config, sort_keys=False))
        fresh.rename(self.folder / "config.yaml")

    def plugin(self, name: str, script: str, commands: Mapping[str, Any] | None = None, **more: Any) -> Path:
        return write_plugin(self.plugins, name, script, commands, **more)

    def start(self, *, environ: Mapping[str, str] | None = None) -> "Gateway":
        """Start it and wait until it listens."""
        self.launch(environ=environ)
        self.wait_ready()
        return self

    def launch(self, *, environ: Mapping[str, str] | None = None) -> None:
        """Start it and do not wait."""
        if not (self.folder / "config.yaml").exists():
            self.configure()
        self._ready = threading.Event()
        self.address = ("", 0)
        self.process = subprocess.Popen(
            [*self.program, "system", "start", "--config-dir", str(self.folder)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process, self._ready), daemon=True)
        self._reader.start()

    def wait_ready(self) -> None:
        if not self._ready.wait(READY_WITHIN) or self.address[1] == 0:
            pytest.fail(f"the gateway did not get ready: {self.log[-20:]}")

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"message": line.rstrip(), "level": "raw"}
            self.log.append(entry)
            if entry.get("message") == "listening" and not self.address[1] and "://" in entry["address"]:
                host, port = entry["address"].removeprefix("http://").rsplit(":", 1)
                self.address = (host, int(port))
                ready.set()
        ready.set()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """One request on a connection of its own. Every answer is held against the gateway's OpenAPI document."""
        answer = self._call(method, path, body, token=token, headers=headers, raw=raw, timeout=timeout)
        self._conformity.check(method, path, answer)
        return answer

    def _openapi(self) -> Any:
        """The document, or None where the gateway has stopped meanwhile."""
        try:
            return self._call("GET", "/openapi.json").body
        except (OSError, http.client.HTTPException):
            return None

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, {**sent, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Any:
        """The body of a GET that must succeed."""
        answer = self.call("GET", path, **more)
        assert answer.status == 200, (path, answer.status, answer.raw)
        return answer.body

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return self.call("POST", path, body, **more)

    def run(self, plugin: str, command: str, payload: Mapping[str, Any] | None = None, wait: int = 20) -> Any:
        """Trigger a plugin command and wait for the finished job's document."""
        answer = self.post(f"/plugin/{plugin}/{command}?wait={wait}", {"payload": payload or {}})
        assert answer.status == 200, (answer.status, answer.raw)
        return answer.body

    def run_pipeline(self, name: str, payload: Mapping[str, Any] | None = None, wait: int = 20) -> list[Any]:
        """Run a pipeline to its end; its tree, the root first."""
        answer = self.post(f"/pipeline/{name}?wait={wait}", {"payload": payload or {}})
        assert answer.status == 200, (answer.status, answer.raw)
        tree: list[Any] = self.get(f"/job/{answer.body['job_id']}/tree")
        return tree

    def jobs(self, **filters: Any) -> list[Any]:
        query = "&".join(f"{key}={value}" for key, value in {"limit": 1000, **filters}.items())
        rows: list[Any] = self.get(f"/jobs?{query}")["jobs"]
        return rows

    def until(self, what: Any, *, within: float = 20.0) -> Any:
        """Poll the gateway over HTTP, the only way to look into another process, until `what()` is true; its value."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(0.02)
        return pytest.fail(f"not within {within} s; the log ends: {self.log[-10:]}")

    def idle(self, *, within: float = 30.0) -> None:
        """Wait until nothing is queued or running."""
        self.until(lambda: not any(self.jobs(status=state) for state in ("queued", "running")), within=within)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.ended()

    def ended(self, *, within: float = 45.0) -> int:
        """Wait for its end; the exit code."""
        assert self.process is not None
        code = self.process.wait(within)
        if self._reader is not None:
            self._reader.join(5)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code

    def stop(self) -> int:
        """SIGTERM, and wait for the graceful end; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def close(self) -> None:
        """End it whatever state it is in, with the plugins that a kill leaves to its next start."""
        if self.process is not None and self.process.returncode is None:
            self.kill()
        for identity in self.folder.glob("*.instance"):
            kill_instance(json.loads(identity.read_text())["instance"])


def alive(pid: int) -> bool:
    """Whether the process still works; one that is dead and waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in {"Z", "X"}


def gateways(folder: Path) -> Iterator[Gateway]:
    """The body of a fixture: one gateway, ended afterwards."""
    gateway = Gateway(folder)
    try:
        yield gateway
    finally:
        gateway.close()
