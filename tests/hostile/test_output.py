"""Plugins that print too much, too long, too deep, or something else than they should, against the real gateway."""

import statistics
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway

PYTHON = "#!/usr/bin/env python3\nimport json, os, sys, time\n"
ONE = "r = json.loads(sys.stdin.readline())\n"
LOOP = (
    "print(json.dumps({'ready': True, 'protocol': 2}), flush=True)\n"
    "for line in sys.stdin:\n    r = json.loads(line)\n    if 'cancel' in r: continue\n"
)
DONE = "print(json.dumps({**({'id': r['id']} if 'id' in r else {}), 'status': 'ok', 'result': 1}), flush=True)\n"

RUNNERS = ("spawn", "fork", "persistent")


def program(body: str, runner: str) -> str:
    """A plugin that does this at each request: in `body`, `FRAME({...})` prints a frame of the request."""
    frame = (
        "def FRAME(value):\n"
        "    sys.stdout.write(json.dumps({**({'id': r['id']} if 'id' in r else {}), **value}) + '\\n')\n"
        "def FRAME_START(value):\n"
        "    sys.stdout.write(json.dumps({**({'id': r['id']} if 'id' in r else {}), **value})[:-1] + '\\n')\n"
    )
    if runner != "persistent":
        return PYTHON + frame + ONE + body + "\n"
    return PYTHON + frame + LOOP + "".join(f"    {line}\n" for line in body.splitlines())


def add(gateway: Gateway, name: str, runner: str, body: str) -> str:
    """The plugin in this runner; its name."""
    more = {"lifecycle": "persistent"} if runner == "persistent" else {}
    gateway.plugin(name, program(body, runner), **more)
    settings = {"runner": runner, "timeout": "20s", "parallelism": 1, "retry": {"max_attempts": 1}}
    gateway.configure(plugins={name: settings})
    return name


FLOODS = {
    "bytes": ("while True: sys.stdout.write('x' * 65536)", "max_stdout_bytes"),
    "newlines": ("while True: sys.stdout.write('\\n' * 65536)", "max_stdout_bytes"),
    "nul": ("while True: sys.stdout.write('\\0' * 65536)", "max_stdout_bytes"),
    "frames": ("while True: FRAME({'log': 'x'})", "max_log_entries"),
    "progress": ("while True: FRAME({'progress': 1})", "max_lines"),
    "long logs": ("while True: FRAME({'log': 'x' * 50000})", "max_log_bytes"),
    "logs": ("FRAME({'status': 'ok', 'result': 1, 'logs': ['x'] * 20_000})", "max_log_entries"),
    "events": ("FRAME({'status': 'ok', 'result': 1, 'events': [{'type': 'a'}] * 20000})", "max_events"),
    "values": ("FRAME({'status': 'ok', 'result': [[]] * 40_000})", "max_values"),
    "nested values": ("FRAME({'status': 'ok', 'result': {str(i): {'a': [1]} for i in range(20_000)}})", "max_values"),
    "unclosed values": ("FRAME_START({'status': 'ok', 'result': [[]] * 40_000})", "max_values"),
    "large events": (
        "FRAME({'status': 'ok', 'result': 'x' * 10000, 'events': [{'type': 'a'}] * 5000})",
        "max_event_bytes",
    ),
}


@pytest.fixture
def flooded(gateway: Gateway) -> Gateway:
    gateway.configure(
        service={
            "kill_grace": "1s",
            "output": {
                "max_stdout_bytes": "1MB",
                "max_lines": 5_000,
                "max_log_entries": 2_000,
                "max_log_bytes": "300KB",
                "max_values": 70_000,
            },
        }
    )
    for runner in RUNNERS:
        for flood, (body, _) in FLOODS.items():
            add(gateway, f"{runner}-{flood.replace(' ', '_')}", runner, f"{body}\nsys.stdout.flush()")
    return gateway.start()


def test_a_flood_fails_its_job_for_good_and_names_the_setting_in_every_runner(flooded: Gateway) -> None:
    for runner in RUNNERS:
        for flood, (_, setting) in FLOODS.items():
            job = flooded.run(f"{runner}-{flood.replace(' ', '_')}", "handle", wait=60)
            assert job["status"] == "failed", (runner, flood, job)
            assert f"service.output.{setting}" in str(job["last_error"]), (runner, flood, job["last_error"])
            logs = flooded.call("GET", f"/job/{job['job_id']}/logs")
            assert len(logs.raw) < 4_000_000, (runner, flood)


def test_four_floods_at_once_leave_the_loop_free(gateway: Gateway) -> None:
    bodies = {
        "babbler": ("persistent", f"{DONE}while True: print('n')"),
        "logger": ("persistent", FLOODS["frames"][0]),
        "events": ("fork", FLOODS["events"][0]),
        "yes": ("spawn", "os.execvp('yes', ['yes', json.dumps({'log': 'x'})])"),
    }
    for name, (runner, body) in bodies.items():
        add(gateway, name, runner, body)
    gateway.configure(service={"kill_grace": "1s", "max_workers": 8, "log_level": "info"})
    gateway.start()
    until = time.monotonic() + 5

    def attack(name: str) -> None:
        while time.monotonic() < until:
            gateway.post(f"/plugin/{name}/handle?wait=20", {"payload": {}})

    attackers = [threading.Thread(target=attack, args=(name,)) for name in bodies]
    for one in attackers:
        one.start()
    took = []
    while time.monotonic() < until:
        began = time.monotonic()
        assert gateway.call("GET", "/livez", token=None).status == 200
        took.append(time.monotonic() - began)
    for one in attackers:
        one.join()
    assert statistics.median(took) < 0.1, sorted(took)[-10:]
    assert len(gateway.log) < 3_000, "what a worker babbles is logged at a bounded rate"


DENSE = {
    "lists": ("persistent", "[", "[],", "[]]"),
    "numbers": ("fork", "[", "1,", "1]"),
    "objects": ("spawn", "[", '{"a":1},', "1]"),
}
"""Values of 9 MB: the runner, and how its text begins, goes on and ends."""


def test_dense_json_leaves_the_loop_free(gateway: Gateway) -> None:
    for name, (runner, first, more, last) in DENSE.items():
        head = "'{' + ('\"id\":\"' + r['id'] + '\",' if 'id' in r else '') + '\"status\":\"ok\",\"result\":'"
        body = f"sys.stdout.write({head} + {first!r} + {more!r} * {9_000_000 // len(more)} + {last!r} + '}}\\n')"
        add(gateway, name, runner, f"{body}\nsys.stdout.flush()")
    gateway.configure(service={"max_workers": 8, "log_level": "info"}, api={"max_body_size": "10MB"})
    gateway.start()
    ended: list[Any] = []
    attackers = [threading.Thread(target=lambda name=name: ended.append(gateway.run(name, "handle"))) for name in DENSE]
    for one in attackers:
        one.start()
    took = []
    while any(one.is_alive() for one in attackers):
        began = time.monotonic()
        assert gateway.call("GET", "/livez", token=None).status == 200
        took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.1, sorted(took)[-10:]
    assert max(took) < 1.5, "no piece of the work holds the loop up for seconds"
    assert len(ended) == len(DENSE)
    for job in ended:
        assert job["status"] == "failed"
        assert "more than 500,000 JSON values (`service.output.max_values`)" in job["last_error"]
    refused = gateway.post("/plugin/lists/handle", raw=b'{"payload":{"a":[' + b"[]," * 3_000_000 + b"1]}}")
    assert (refused.status, refused.body["error"]) == (413, "too_many_values")
    assert "api.max_body_values" in refused.body["message"]


def test_many_values_are_taken_where_a_plugin_may_give_them(gateway: Gateway) -> None:
    for runner in RUNNERS:
        add(gateway, runner, runner, "FRAME({'status': 'ok', 'result': [1] * 30_000})\nsys.stdout.flush()")
        gateway.configure(plugins={runner: {"output": {"max_values": 40_000}}})
    gateway.start()
    for runner in RUNNERS:
        job = gateway.run(runner, "handle")
        assert job["status"] == "succeeded", (runner, job["last_error"])
        assert job["result"]["result"] == [1] * 30_000
        assert gateway.get(f"/job/{job['job_id']}")["result"] == job["result"]
        assert gateway.get(f"/job/{job['job_id']}/tree")[0]["result"] == job["result"]
        gateway.configure(plugins={runner: {"output": {"max_values": 10}}})
    assert gateway.post("/system/reload").status == 200
    for runner in RUNNERS:
        assert "more than 10 JSON values" in gateway.run(runner, "handle")["last_error"]


def resident(pid: int) -> int:
    """MiB of its own memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon"))


def test_crashes_with_full_buffers_cost_no_memory(gateway: Gateway) -> None:
    add(gateway, "crasher", "persistent", "sys.stdout.write('x' * 9_900_000); sys.stdout.flush(); os._exit(0)")
    gateway.start()
    assert gateway.process is not None
    sizes = []
    for _ in range(15):
        assert gateway.run("crasher", "handle")["status"] == "failed"
        sizes.append(resident(gateway.process.pid))
    assert sizes[-1] - max(sizes[:5]) < 60, sizes


BROKEN = {
    "no JSON": ("FRAME_TEXT('done, thank you')", "it printed"),
    "half": ("FRAME_TEXT(ANSWER[:-5])", "stdout is not JSON: unexpected end of data"),
    "wrong word": ("FRAME_TEXT(ANSWER.replace('1', 'nul'))", "stdout is not JSON"),
    "no result": ("FRAME({'status': 'ok'})", "needs a `result`"),
    "other status": ("FRAME({'status': 'fine', 'result': 1})", "`status` is"),
}
"""What a plugin prints for an answer, and what the error says of it in every runner."""
PRELUDE = (
    "def FRAME_TEXT(text): sys.stdout.write(text + '\\n')\n"
    "ANSWER = json.dumps({**({'id': r['id']} if 'id' in r else {}), 'status': 'ok', 'result': 1})\n"
)


def test_a_broken_answer_fails_at_once_with_the_same_words_in_every_runner(gateway: Gateway) -> None:
    for runner in RUNNERS:
        for number, (name, (body, _)) in enumerate(BROKEN.items()):
            # A worker waits for the next request, as a worker does; a single run has ended with its answer.
            last = "\nos._exit(0)" if name == "no JSON" and runner == "persistent" else ""
            add(gateway, f"{runner}-{number}", runner, f"{PRELUDE}{body}\nsys.stdout.flush(){last}")
    gateway.start()
    for number, (name, (_, says)) in enumerate(BROKEN.items()):
        errors = []
        for runner in RUNNERS:
            job = gateway.run(f"{runner}-{number}", "handle")
            errors.append(job["last_error"])
            assert job["status"] == "failed", (runner, name, job)
            assert says in str(job["last_error"]), (runner, name, job)
        assert errors[0] == errors[1], name
        if name not in ("half", "wrong word", "no JSON"):  # they quote the `id` as well
            assert errors[0] == errors[2], name


def test_plain_text_before_an_answer_is_logged_in_every_runner_and_warned_of_once(gateway: Gateway) -> None:
    for runner in RUNNERS:
        add(gateway, runner, runner, f"print('Starting up')\n{DONE}".rstrip())
    gateway.start()
    for runner in RUNNERS:
        for _ in range(2):
            job = gateway.run(runner, "handle")
            assert job["status"] == "succeeded", job
            (attempt,) = gateway.get(f"/job/{job['job_id']}/logs")["logs"]
            assert attempt["logs"] == [{"level": "info", "message": "Starting up"}]
    warned = [entry["plugin"] for entry in gateway.log if "plain text" in str(entry.get("message"))]
    assert sorted(warned) == sorted(RUNNERS)


def test_an_answer_of_a_process_that_does_not_end_is_told_and_not_run_again(gateway: Gateway) -> None:
    for runner in ("spawn", "fork"):
        add(gateway, runner, runner, f"{DONE}time.sleep(60)")
        gateway.configure(plugins={runner: {"timeout": "1s", "retry": {"max_attempts": 4, "backoff_base": "1s"}}})
    gateway.start()
    for runner in ("spawn", "fork"):
        job = gateway.run(runner, "handle")
        assert (job["status"], job["attempt"]) == ("timed_out", 1), job
        assert "it had answered, and did not end" in str(job["last_error"])


def test_deep_frames_hide_nothing_and_break_no_page(gateway: Gateway) -> None:
    deep = "'[' * 300 + ']' * 300"
    body = (
        f"deep = {deep}\n"
        "name = '\"id\":\"' + r['id'] + '\",' if 'id' in r else ''\n"
        "sys.stdout.write('{' + name + '\"progress\":' + deep + '}\\n{' + name + '\"log\":' + deep + '}\\n')\n"
        "sys.stdout.flush(); open(os.environ['HOME'] + '/' + r['plugin'], 'w').close()\n"
        "while os.path.exists(os.environ['HOME'] + '/' + r['plugin']): time.sleep(0.01)\n"
    )
    home = gateway.folder / "home"
    home.mkdir()
    for runner in RUNNERS:
        add(gateway, runner, runner, f"{body}{DONE}".rstrip())
    gateway.start(environ={"HOME": str(home)})
    for runner in RUNNERS:
        job_id = gateway.post(f"/plugin/{runner}/handle", {"payload": {}}).body["job_id"]
        until = time.monotonic() + 20
        while not (home / runner).exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        live = gateway.get(f"/job/{job_id}/logs")["logs"]
        (home / runner).unlink()
        job = gateway.get(f"/job/{job_id}?wait=20")
        assert job["status"] == "succeeded", (runner, job)
        assert live[-1]["status"] == "running"
        ended = gateway.get(f"/job/{job_id}/logs")["logs"][-1]["logs"]
        assert any("cannot be shown" in entry["message"] for entry in ended), (runner, ended)
