"""What plugins leave behind, and what they do to the processes around them, against the real gateway."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway, alive

PYTHON = "#!/usr/bin/env python3\n"
ANSWER = 'print(\'{"status": "ok", "result": "done"}\')\n'
QUICK = {"retry": {"max_attempts": 1}}

DAEMONS = {
    "setsid": "setsid sleep 300 </dev/null >/dev/null 2>&1 &",
    "cleared environment": "env -i setsid sleep 300 </dev/null >/dev/null 2>&1 &",
    "double fork": "(setsid sh -c '(env -i sleep 300 </dev/null >/dev/null 2>&1 &) &' &)",
    "another's mark": "bash -c 'ulimit -Sx 99999; exec env -i setsid sleep 300' </dev/null >/dev/null 2>&1 &",
    "no mark": "bash -c 'ulimit -x 5; exec env -i setsid sleep 300' </dev/null >/dev/null 2>&1 &",
    "tree": "setsid sh -c 'sleep 300 & env -i sleep 300 & setsid sleep 300 & wait' </dev/null >/dev/null 2>&1 &",
}
"""How a daemon leaves its job, in the shell."""


def sleepers(mark: str) -> list[int]:
    """The processes that sleep for so long."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", mark.encode()] and alive(int(path.parent.name)):
            found.append(int(path.parent.name))
    return found


def shell(line: str) -> str:
    return f"#!/bin/sh\ncat >/dev/null\n{line}\n" + "sleep 0.05\n" + 'echo \'{"status": "ok", "result": "done"}\'\n'


def python(line: str) -> str:
    return f"{PYTHON}import os, sys, time\nsys.stdin.read()\nos.system({line!r})\ntime.sleep(0.05)\n{ANSWER}"


def worker(body: str, *, concurrency: int = 1, before: str = "") -> str:
    """A persistent plugin that does this at each request."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return (
        f"{PYTHON}import json, os, signal, subprocess, sys, time\n{before}\n"
        f'print(json.dumps({{"ready": True, "protocol": 2, "concurrency": {concurrency}}}), flush=True)\n'
        "for text in sys.stdin:\n    request = json.loads(text)\n    if 'cancel' in request:\n        continue\n"
        f"{lines}"
        '    print(json.dumps({"id": request["id"], "status": "ok", "result": "done"}), flush=True)\n'
    )


def add(gateway: Gateway, name: str, runner: str, line: str, commands: Mapping[str, Any] | None = None) -> None:
    if runner == "persistent":
        body = f"os.system({line!r})\ntime.sleep(0.05)"
        gateway.plugin(name, worker(body), commands, lifecycle="persistent")
    else:
        gateway.plugin(name, shell(line) if runner == "spawn" else python(line), commands)


@pytest.mark.parametrize("runner", ["spawn", "fork", "persistent"])
def test_nothing_outlives_its_job(gateway: Gateway, runner: str) -> None:
    for at, line in enumerate(DAEMONS.values()):
        add(gateway, f"leaves-{at}", runner, line.replace("300", f"3{os.getpid()}{at}"))
    gateway.start()
    for at, how in enumerate(DAEMONS):
        assert gateway.run(f"leaves-{at}", "handle")["status"] == "succeeded"
        gateway.until(lambda at=at: not sleepers(f"3{os.getpid()}{at}"), within=3)
        assert not sleepers(f"3{os.getpid()}{at}"), how
    gateway.until(lambda: not zombies_of(gateway), within=3)  # the gateway looks for the dead once a second


def zombies_of(gateway: Gateway) -> list[Path]:
    return [line for line in Path("/proc").glob("[0-9]*/stat") if _is_zombie_of(line, gateway.process.pid)]  # type: ignore[union-attr]


def _is_zombie_of(path: Path, parent: int) -> bool:
    try:
        state, its_parent, *_ = path.read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return state == "Z" and int(its_parent) == parent


def test_a_job_that_runs_keeps_the_daemons_it_has_started(gateway: Gateway, tmp_path: Path) -> None:
    seconds = f"4{os.getpid()}"
    line = f"env -i setsid sleep {seconds} </dev/null >/dev/null 2>&1 &"
    gate = tmp_path / "gate"
    gateway.plugin("holds", shell(f"{line}\necho > {tmp_path}/ready\nuntil [ -e {gate} ]; do sleep 0.05; done"))
    gateway.plugin("other", shell("true"))
    gateway.start()
    job = gateway.post("/plugin/holds/handle", {}).body["job_id"]
    gateway.until((tmp_path / "ready").exists)
    for _ in range(3):
        gateway.run("other", "handle")
    time.sleep(1.2)  # the gateway looks by itself once a second
    assert len(sleepers(seconds)) == 1, "another job's end does not end it"
    gate.touch()
    gateway.until(lambda: gateway.get(f"/job/{job}")["status"] == "succeeded")
    gateway.until(lambda: not sleepers(seconds), within=3)


def test_what_a_worker_started_before_its_first_job_stays(gateway: Gateway) -> None:
    seconds = f"5{os.getpid()}"
    before = f"subprocess.Popen(['sleep', '{seconds}1'], start_new_session=True)"
    body = f"subprocess.Popen(['sleep', '{seconds}2'], start_new_session=True)"
    gateway.plugin("keeps", worker(body, before=before), lifecycle="persistent")
    gateway.start()
    for _ in range(2):
        gateway.run("keeps", "handle")
    gateway.until(lambda: not sleepers(f"{seconds}2"), within=3)
    assert len(sleepers(f"{seconds}1")) == 1
    assert gateway.stop() == 0
    assert not sleepers(f"{seconds}1")


def test_after_a_crash_a_daemon_with_a_cleared_environment_is_found(gateway: Gateway, tmp_path: Path) -> None:
    seconds = f"6{os.getpid()}"
    line = f"env -i setsid sleep {seconds} </dev/null >/dev/null 2>&1 &"
    gateway.plugin("leaves", shell(f"{line}\necho > {tmp_path}/ready\nsleep 600"), {"handle": {"retry_safe": False}})
    gateway.start()
    gateway.post("/plugin/leaves/handle", {})
    gateway.until((tmp_path / "ready").exists)
    gateway.until(lambda: sleepers(seconds))
    gateway.kill()
    assert sleepers(seconds)
    gateway.start()
    assert not sleepers(seconds)


UNKNOWN = "bash -c 'ulimit -x 5; exec env -i setsid COMMAND' </dev/null >/dev/null 2>&1 &"
"""How a command starts without its environment and the mark, in the shell."""

FORK_CHAIN = """#!{python} -IS
from os import _exit, fork
from time import monotonic, sleep
open("{begun}", "w").close()
until = monotonic() + {seconds}
while monotonic() < until and fork() == 0:
    sleep({pause})
_exit(0)
"""
"""Each process forks the next one after a pause and ends: whoever looks for it finds that it is gone."""

CHAIN_SECONDS = 45
"""How long a chain runs that nobody ends."""


class ForkChain:
    """A program that is a fork chain. Its processes hold a pipe open, which tells that it runs."""

    def __init__(self, folder: Path, *, pause: float) -> None:
        self.begun = folder / "begun"
        program = folder / "fork_chain"
        program.write_text(
            FORK_CHAIN.format(python=sys.executable, begun=self.begun, seconds=CHAIN_SECONDS, pause=pause)
        )
        program.chmod(0o755)
        os.mkfifo(folder / "held")
        self._held = os.open(folder / "held", os.O_RDONLY | os.O_NONBLOCK)
        self.line = UNKNOWN.replace("COMMAND", str(program)).replace("<", f"3>{folder}/held <")

    @property
    def runs(self) -> bool:
        """Whether a process of it lives."""
        try:
            return os.read(self._held, 1) != b""
        except BlockingIOError:
            return True

    def close(self) -> None:
        """Look no more."""
        os.close(self._held)


def instance_group(gateway: Gateway) -> Path:
    """The gateway's control group; the test is skipped where this machine lets it have none."""
    for entry in gateway.log:
        if "there is no control group" in entry["message"]:
            pytest.skip(entry["reason"])
    path = Path(f"/proc/{gateway.process.pid}/cgroup").read_text().split("0::")[1].split("\n")[0]  # type: ignore[union-attr]
    [mount] = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if "- cgroup2" in line]
    assert "ductile-" in path
    return Path(mount + path)


@pytest.mark.parametrize("runner", ["spawn", "fork", "persistent"])
def test_after_a_crash_the_control_group_finds_what_nothing_else_does(gateway: Gateway, runner: str) -> None:
    seconds = f"7{os.getpid()}"
    line = UNKNOWN.replace("COMMAND", f"sleep {seconds}") + " sleep 600"
    add(gateway, "leaves", runner, line, {"handle": {"retry_safe": False}})
    gateway.start()
    group = instance_group(gateway)
    gateway.post("/plugin/leaves/handle", {})
    gateway.until(lambda: sleepers(seconds))
    gateway.kill()
    assert sleepers(seconds)
    gateway.start()
    assert not sleepers(seconds)
    assert instance_group(gateway) == group
    assert gateway.stop() == 0
    assert not group.exists()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[ForkChain]:
    """A fork chain that has not begun, without pauses."""
    opened = ForkChain(tmp_path, pause=0)
    yield opened
    opened.close()


@pytest.fixture
def slow_chain(tmp_path: Path) -> Iterator[ForkChain]:
    """A fork chain that has not begun, of ten processes a second."""
    opened = ForkChain(tmp_path, pause=0.1)
    yield opened
    opened.close()


def test_a_fork_chain_ends_with_the_gateway(gateway: Gateway, chain: ForkChain) -> None:
    gateway.plugin("forks", shell(f"{chain.line}\nsleep 600"))
    gateway.configure(service={"drain_timeout": "0s"})
    gateway.start()
    instance_group(gateway)
    gateway.post("/plugin/forks/handle", {})
    gateway.until(chain.begun.exists)
    assert chain.runs
    assert gateway.stop() == 0
    assert not chain.runs


def test_a_fork_chain_ends_with_its_job(gateway: Gateway, chain: ForkChain) -> None:
    gateway.plugin("forks", shell(f"{chain.line}\nuntil [ -e {chain.begun} ]; do sleep 0.01; done"))
    gateway.start()
    assert gateway.run("forks", "handle")["status"] == "succeeded"
    gateway.until(lambda: not chain.runs)


def test_a_fork_chain_outlives_no_job_that_came_after_it(
    gateway: Gateway, slow_chain: ForkChain, tmp_path: Path
) -> None:
    """Without a mark it may belong to each job that ran when it was first seen, but to none that came later."""
    gateway.plugin("forks", shell(f"{slow_chain.line}\nuntil [ -e {slow_chain.begun} ]; do sleep 0.01; done"))
    for name in ("before", "after"):
        waits = f"until [ -e {tmp_path}/{name}.ends ]; do sleep 0.05; done"
        gateway.plugin(name, shell(f"echo > {tmp_path}/{name}\n{waits}"))
    gateway.start()
    before = gateway.post("/plugin/before/handle", {}).body["job_id"]
    gateway.until((tmp_path / "before").exists)
    gateway.run("forks", "handle")
    after = gateway.post("/plugin/after/handle", {}).body["job_id"]
    gateway.until((tmp_path / "after").exists)
    assert slow_chain.runs
    (tmp_path / "before.ends").touch()
    gateway.until(lambda: gateway.get(f"/job/{before}")["status"] == "succeeded")
    gateway.until(lambda: not slow_chain.runs)
    assert gateway.get(f"/job/{after}")["status"] == "running"


STOPS = {
    "parent": "os.kill(os.getppid(), signal.SIGSTOP)",
    "parent and group": "os.kill(os.getppid(), signal.SIGSTOP); os.killpg(0, signal.SIGSTOP)",
    "kills its parent": "os.kill(os.getppid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("what", STOPS)
def test_a_fork_plugin_that_stops_its_parent_stops_nobody_else(gateway: Gateway, what: str) -> None:
    script = f"{PYTHON}import json, os, signal, sys, time\nrequest = json.load(sys.stdin)\n"
    script += f"if request['payload'].get('attack'):\n    {STOPS[what]}\n    time.sleep(600)\n{ANSWER}"
    gateway.plugin("attacks", script)
    gateway.plugin("other", python("true"))
    gateway.configure(
        service={"kill_grace": "300ms", "drain_timeout": "1s"}, plugins={"attacks": {"timeout": "3s", **QUICK}}
    )
    gateway.start()
    gateway.run("attacks", "handle")
    began = time.monotonic()
    job = gateway.post("/plugin/attacks/handle", {"payload": {"attack": True}}).body["job_id"]
    waiting = gateway.post("/plugin/attacks/handle", {"payload": {}}).body["job_id"]
    assert gateway.run("other", "handle")["status"] == "succeeded"
    ended = gateway.until(lambda: (d := gateway.get(f"/job/{job}"))["status"] not in ("queued", "running") and d)
    assert ended["status"] == "timed_out"
    assert time.monotonic() - began < 3 + 0.3 + 2
    other = gateway.until(lambda: (d := gateway.get(f"/job/{waiting}"))["status"] not in ("queued", "running") and d)
    assert other["status"] == "succeeded", other
    if what.startswith("parent"):
        [replaced] = [entry for entry in gateway.log if entry["message"] == "helper replaced"]
        assert replaced["helper"] == "zygote"
        assert "was replaced" in json.dumps(gateway.get("/healthz")["warnings"])
    began = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began < 1 + 0.3 + 3


def test_a_gateway_that_a_plugin_stops_goes_on(gateway: Gateway) -> None:
    gateway.plugin("attacks", shell("kill -STOP $PPID"))
    gateway.plugin("other", python("true"))
    gateway.configure(plugins={"attacks": QUICK})
    gateway.start()
    for _ in range(2):
        assert gateway.run("attacks", "handle")["status"] == "succeeded"
    assert gateway.run("other", "handle")["status"] == "succeeded"
    assert gateway.stop() == 0


def test_a_watchdog_that_a_plugin_kills_is_started_again(gateway: Gateway) -> None:
    gateway.plugin("attacks", shell("kill -STOP $PPID"))
    gateway.plugin("kills", shell("kill -KILL $(pgrep -P $PPID -f resume_watchdog_main)"))
    gateway.configure(plugins={"attacks": QUICK, "kills": QUICK})
    gateway.start()
    first = watchdogs(gateway)
    assert gateway.run("kills", "handle")["status"] == "succeeded"
    gateway.until(lambda: watchdogs(gateway) not in ([], first))
    assert gateway.run("attacks", "handle")["status"] == "succeeded"
    assert gateway.stop() == 0


def watchdogs(gateway: Gateway) -> list[str]:
    """The pids of the gateway's resume watchdogs."""
    found = ["pgrep", "-P", str(gateway.process.pid), "-f", "resume_watchdog_main"]
    return subprocess.run(found, capture_output=True, text=True, check=False).stdout.split()


def test_a_gateway_whose_plugins_stop_everything_ends_all_the_same(gateway: Gateway, tmp_path: Path) -> None:
    stop = "os.kill(os.getppid(), signal.SIGSTOP)\nos.kill(0, signal.SIGSTOP)\ntime.sleep(600)\n"
    head = f"{PYTHON}import os, signal, sys, time\nopen('{tmp_path}/' + str(os.getpid()) + '.begun', 'w').close()\n"
    gateway.plugin("forked", head + stop)
    body = "open(f'{request[\"job_id\"]}.begun', 'w').close()\nos.kill(os.getpid(), signal.SIGSTOP)"
    gateway.plugin("stays", worker(body.replace("open(f'", f"open(f'{tmp_path}/")), lifecycle="persistent")
    gateway.configure(service={"kill_grace": "300ms", "drain_timeout": "500ms"})
    gateway.start()
    for name in ("forked", "forked", "stays"):
        gateway.post(f"/plugin/{name}/handle", {})
    gateway.until(lambda: len(list(tmp_path.glob("*.begun"))) >= 2)
    began = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began < 0.5 + 0.3 + 3


def test_a_stopped_spawn_helper_is_replaced(gateway: Gateway, tmp_path: Path) -> None:
    """Many starts at once go through the helper; one of its children stops it."""
    script = (
        f"#!/bin/sh\ncat >/dev/null\nparent=$(cut -d' ' -f4 /proc/$$/stat)\n"
        f'if [ "$(cut -d" " -f4 /proc/$parent/stat)" != {os.getpid()} ] && mkdir {tmp_path}/once 2>/dev/null; then\n'
        "  kill -STOP $parent\nfi\n"
        'echo \'{"status": "ok", "result": "done"}\'\n'
    )
    gateway.plugin("busy", script)
    gateway.configure(plugins={"busy": {"parallelism": 16, "runner": "spawn"}}, service={"max_workers": 16})
    gateway.start()
    jobs = [gateway.post("/plugin/busy/handle", {"payload": {"n": n}}).body["job_id"] for n in range(60)]
    gateway.until(lambda: {gateway.get(f"/job/{job}")["status"] for job in jobs} == {"succeeded"}, within=15)


def test_a_worker_that_stops_itself_ends_timed_out(gateway: Gateway) -> None:
    gateway.plugin("stops", worker("os.kill(os.getpid(), signal.SIGSTOP)"), lifecycle="persistent")
    gateway.configure(service={"kill_grace": "300ms"}, plugins={"stops": {"timeout": "500ms", **QUICK}})
    gateway.start()
    assert gateway.run("stops", "handle")["status"] == "timed_out"
