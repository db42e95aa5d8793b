"""What a plugin says on its way can be read while it runs, whichever runner it has."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from support.gateway import Gateway

import ductile.author

SAYS = """import json, os, sys
request = json.loads(sys.stdin.readline())
print(json.dumps({"log": {"level": "warning", "message": "on my way, password-of-mine"}}), flush=True)
print(json.dumps({"progress": {"done": 1, "of": 2}}), flush=True)
open(request["payload"]["fifo"]).read()
print(json.dumps({"status": "ok", "result": "there"}))
"""

STAYS = """import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ductile_plugin import Plugin
plugin = Plugin()
@plugin.command
def handle(request):
    request.log("on my way, password-of-mine", level="warning")
    request.progress({"done": 1, "of": 2})
    open(request.payload["fifo"]).read()
    return "there"
plugin.run()
"""


@pytest.mark.parametrize("runner", ["spawn", "fork", "persistent"])
def test_the_log_and_progress_of_a_running_attempt_are_shown(gateway: Gateway, tmp_path: Path, runner: str) -> None:
    lifecycle = "persistent" if runner == "persistent" else "spawn"
    script = STAYS if runner == "persistent" else SAYS
    home = gateway.plugin("talker", f"#!{sys.executable}\n{script}", lifecycle=lifecycle)
    shutil.copy(Path(ductile.author.__file__).parent / "ductile_plugin.py", home)
    gateway.configure(plugins={"talker": {"runner": runner, "config": {"password": "password-of-mine"}}})
    gateway.start()
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    job = gateway.post("/plugin/talker/handle", {"fifo": str(fifo)}).body["job_id"]
    (running,) = gateway.until(
        lambda: [one for one in gateway.get(f"/job/{job}/logs")["logs"] if one["progress"] is not None]
    )
    assert (running["status"], running["runner"], running["completed_at"]) == ("running", runner, None)
    assert running["logs"] == [{"level": "warning", "message": "on my way, [REDACTED]"}]
    assert running["progress"] == {"done": 1, "of": 2}
    fifo.write_text("go")
    ended = gateway.get(f"/job/{job}?wait=10")
    assert ended["result"]["result"] == "there"
    (kept,) = gateway.get(f"/job/{job}/logs")["logs"]
    assert (kept["status"], kept["runner"], kept["progress"]) == ("succeeded", runner, None)
    assert kept["logs"] == [{"level": "warning", "message": "on my way, [REDACTED]"}]
