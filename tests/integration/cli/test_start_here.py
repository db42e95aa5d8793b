"""The first minutes of a newcomer: a configuration, a gateway, a call, a change, an end."""

import json
import os
import subprocess
import sys
from pathlib import Path
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
