"""The first minutes of a newcomer: a configuration, a gateway, a call, a change, an end."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

COMMAND = [sys.executable, "-W", "error", "-m", "ductile.cli.main"]


def ductile(*arguments: str, folder: Path, code: int = 0) -> Any:
    """What the command prints, as JSON."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    environ |= {"DUCTILE_CONFIG_DIR": str(folder)}
    ended = subprocess.run([*COMMAND, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout) if ended.stdout else None


def test_a_new_configuration_runs_is_changed_and_stops(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    ductile("config", "init", str(folder), "--listen", f"unix:{tmp_path}/d.sock", folder=folder)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    with subprocess.Popen(
        [*COMMAND, "system", "start", "--config-dir", str(folder)], env=environ, stderr=subprocess.DEVNULL
    ) as gateway:
        health = ductile("system", "status", "--wait", "--timeout", "30s", folder=folder)
        assert (health["status"], health["plugins_loaded"]) == ("ok", 1)
        run = ductile("plugin", "run", "hello", "greet", "--payload", '{"name": "Ada"}', "--wait", folder=folder)
        assert run["result"]["result"] == "Hello, Ada!"
        ductile("config", "set", "plugins.hello.config.greeting", "Ahoy", folder=folder)
        assert ductile("config", "diff", folder=folder)["values"] == [
            {"path": "plugins.hello.config.greeting", "now": "Hello", "then": "Ahoy"}
        ]
        assert ductile("system", "reload", "--dry-run", folder=folder)["changes"] == ["plugins.hello"]
        assert ductile("system", "reload", folder=folder)["generation"] == 2
        assert ductile("config", "diff", "--exit-code", folder=folder)["changed"] is False
        run = ductile("plugin", "run", "hello", "greet", "--payload", '{"name": "Ada"}', "--wait", folder=folder)
        assert run["result"]["result"] == "Ahoy, Ada!"
        ductile("plugin", "disable", "hello", "--reload", folder=folder)
        ductile("plugin", "run", "hello", "greet", "--payload", '{"name": "Ada"}', folder=folder, code=1)
        ductile("system", "stop", "--wait", "--timeout", "30s", folder=folder)
        assert gateway.wait(30) == 0


class OtherServer(BaseHTTPRequestHandler):
    """A server that speaks JSON, and is no gateway."""

    def do_GET(self) -> None:
        body = b'{"service": "weather"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_the_address_of_another_server_is_an_error_that_says_so(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherServer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for words in ("plugin list", "job list", "system status", "system skills", "pipeline list"):
            environ = {**os.environ, "DUCTILE_URL": url, "DUCTILE_TOKEN": "t"}
            ended = subprocess.run(
                [*COMMAND, *words.split()], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
            assert "is this a Ductile gateway?" in ended.stderr
            assert "Traceback" not in ended.stderr
        server.shutdown()
