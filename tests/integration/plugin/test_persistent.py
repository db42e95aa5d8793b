"""The persistent runner against real workers: the author libraries', and badly behaved ones."""

import asyncio
import gc
import json
import os
import shutil
import signal
import sys
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.processes import MakeCall, Script, assert_no_children, descriptors, is_alive

import ductile.author
from ductile.dispatch.outcome import read_outcome
from ductile.model.ids import new_id
from ductile.model.job import Outcome
from ductile.model.output import DEFAULT_OUTPUT
from ductile.model.workers import WorkerRules
from ductile.plugin.messages import Response, read_response
from ductile.plugin.runner import persistent_runner as pools
from ductile.plugin.runner import worker as workers
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.fork_runner import ForkRunner
from ductile.plugin.runner.interface import Execution, RunnerCall, StopReason
from ductile.plugin.runner.persistent_runner import PersistentRunner
from ductile.plugin.runner.spawn_runner import SpawnRunner

STDOUT_BYTES = DEFAULT_OUTPUT.max_stdout_bytes
AUTHOR = Path(ductile.author.__file__).parent
PYTHON = f"#!{sys.executable} -IS\n"
HELLO = "import json, os, sys, time\nprint(json.dumps({'ready': True, 'protocol': 2%s}), flush=True)\n"
LOOP = HELLO % "" + "for line in sys.stdin:\n    r = json.loads(line)\n"
OK = "print(json.dumps({'id': r['id'], 'status': 'ok', 'result': %s}), flush=True)\n"


@pytest.fixture
async def persistent(instance: str) -> AsyncIterator[PersistentRunner]:  # noqa: ARG001 - what is left is asserted first
    """The runner; once closed, no descriptor is left open and no child unreaped."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, os.getpid)  # its threads keep their descriptors
    before = descriptors()
    runner = PersistentRunner()
    yield runner
    await runner.close()
    assert descriptors() == before
    assert_no_children()


@pytest.fixture
def ask(make_call: MakeCall) -> MakeCall:
    """A call with a request that a plugin can answer; all of a test share a job's environment but for its id."""

    def call(
        executable: Path, command: str = "echo", payload: Any = None, *, protocol: int = 2, **changes: Any
    ) -> RunnerCall:
        request = {"protocol": protocol, "command": command, "payload": payload or {}}
        return make_call(executable, **{"stdin": json.dumps(request).encode() + b"\n", **changes})

    return call


def response_of(execution: Execution) -> Response:
    """As the gateway understands it: with what was logged on the way."""
    response = read_outcome(execution, str)
    assert response.response is not None, response
    return replace(response.response, logs=(*response.logs, *response.response.logs))


def answer(execution: Execution) -> Any:
    assert execution.stop is None, execution
    return read_response(execution.stdout).result


async def run(runner: Any, call: RunnerCall) -> Execution:
    execution: Execution = await runner.start(call).wait()
    return execution


PYTHON_PLUGIN = """
import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ductile_plugin import Failure, Plugin
plugin = Plugin(concurrency=CONCURRENCY)

@plugin.command
def echo(request):
    print("a note for people")
    request.log("looked")
    request.progress({"done": 1})
    request.emit("seen", {"word": request.payload.get("word")}, "key")
    request.remember(count=request.state.get("count", 0) + 1)
    return {"pid": os.getpid(), "payload": request.payload, "job": request.job_id}

@plugin.command(name="fail-hard")
def fail_hard(request):
    raise ValueError("broken")

@plugin.command
def fail(request):
    raise Failure("not today", retry=False, data={"left": 1})

@plugin.command
def nothing(request):
    return None

@plugin.command
def unspeakable(request):
    return object()

@plugin.command
def wait(request):
    assert request.cancelled.wait(30)
    raise Failure("was cancelled")

plugin.run()
"""

NODE_PLUGIN = """#!/usr/bin/env node
import { Failure, run } from './ductile_plugin.mjs'
run({
  echo(request) {
    console.log('a note for people')
    request.log('looked')
    request.progress({ done: 1 })
    request.emit('seen', { word: request.payload.word ?? null }, 'key')
    request.remember({ count: (request.state.count ?? 0) + 1 })
    return { pid: process.pid, payload: request.payload, job: request.job_id ?? null }
  },
  'fail-hard'() { throw new Error('broken') },
  fail() { throw new Failure('not today', { retry: false, data: { left: 1 } }) },
  async nothing() {},
  unspeakable() { return 1n },
  wait(request) {
    return new Promise((_, reject) => {
      request.signal.onabort = () => reject(new Failure('was cancelled'))
    })
  },
}, { concurrency: CONCURRENCY })
"""


@pytest.fixture(params=["python", "node"])
def library(request: pytest.FixtureRequest, script: Script, tmp_path: Path) -> Any:
    """A plugin written with an author library; takes its concurrency."""
    if request.param == "node" and shutil.which("node") is None:
        pytest.skip("Node is not installed")

    def write(concurrency: int = 1) -> Path:
        if request.param == "python":
            shutil.copy(AUTHOR / "ductile_plugin.py", tmp_path)
            return script(PYTHON + PYTHON_PLUGIN.replace("CONCURRENCY", str(concurrency)))
        shutil.copy(AUTHOR / "ductile_plugin.mjs", tmp_path)
        return script(NODE_PLUGIN.replace("CONCURRENCY", str(concurrency)), name="run.mjs")

    return write


async def test_a_worker_answers_request_after_request(
    persistent: PersistentRunner, library: Any, ask: MakeCall
) -> None:
    plugin = library()
    executions = [await run(persistent, ask(plugin, payload={"word": n})) for n in range(5)]
    answers = [answer(execution) for execution in executions]
    assert len({one["pid"] for one in answers}) == 1
    assert [one["payload"]["word"] for one in answers] == list(range(5))
    assert {execution.runner for execution in executions} == {"persistent"}
    assert "a note for people" in executions[-1].stderr.decode()


async def test_the_same_functions_answer_in_both_lifecycles(
    persistent: PersistentRunner, library: Any, ask: MakeCall
) -> None:
    plugin = library()
    for command in ("echo", "fail", "fail-hard", "nothing", "unspeakable", "missing"):
        once = response_of(await run(SpawnRunner(), ask(plugin, command)))
        kept = response_of(await run(persistent, ask(plugin, command)))
        for one in (once, kept):
            if isinstance(one.result, dict):
                one.result.pop("pid", None)
        assert kept == once, command
        assert once.ok is (command in ("echo", "nothing"))
    assert once.error is not None
    assert "echo" in once.error


@pytest.mark.parametrize("text", ["", "[1]", "{", "null", '{"protocol": 3}'])
async def test_a_request_that_is_none_gets_an_error_answer(library: Any, ask: MakeCall, text: str) -> None:
    execution = await run(SpawnRunner(), ask(library(), stdin=text.encode()))
    response = read_response(execution.stdout)
    assert (response.ok, response.retry) == (False, False)


async def test_what_a_plugin_says_on_its_way_is_kept_with_its_answer(
    persistent: PersistentRunner, library: Any, ask: MakeCall
) -> None:
    response = response_of(await run(persistent, ask(library(), payload={"word": "x"})))
    assert response.logs == ({"level": "info", "message": "looked"},)
    assert [(event.type, event.payload, event.dedupe_key) for event in response.events] == [
        ("seen", {"word": "x"}, "key")
    ]
    assert response.state_updates == {"count": 1}


async def test_a_hundred_at_once_share_the_workers_and_each_gets_its_own(
    persistent: PersistentRunner, library: Any, ask: MakeCall
) -> None:
    plugin = library(4)
    rules = WorkerRules(max_workers=3)
    executions = await asyncio.gather(
        *(run(persistent, ask(plugin, payload={"word": n}, workers=rules)) for n in range(100))
    )
    assert [answer(one)["payload"]["word"] for one in executions] == list(range(100))
    assert len({answer(one)["pid"] for one in executions}) <= 3


async def test_one_that_waits_is_cancelled_while_others_are_answered(
    persistent: PersistentRunner, library: Any, ask: MakeCall
) -> None:
    plugin = library(4)
    waiting = persistent.start(ask(plugin, "wait"))
    pid = answer(await run(persistent, ask(plugin)))["pid"]
    waiting.stop(StopReason.CANCELLED)
    execution = await waiting.wait()
    assert execution.stop is StopReason.CANCELLED
    assert b"was cancelled" in execution.stdout
    assert answer(await run(persistent, ask(plugin)))["pid"] == pid


async def test_a_request_past_its_deadline_is_cancelled_and_then_its_worker_ended(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(PYTHON + LOOP + "    if r['command'] == 'hang': time.sleep(60)\n    " + OK % "os.getpid()")
    first = answer(await run(persistent, ask(plugin)))
    execution = await run(persistent, ask(plugin, "hang", timeout=20, kill_grace=20))
    assert execution.stop is StopReason.TIMED_OUT
    assert not is_alive(first)
    assert answer(await run(persistent, ask(plugin))) != first


async def test_what_shared_a_hung_worker_is_lost_and_not_blamed(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(PYTHON + HELLO % ", 'concurrency': 9" + "for line in sys.stdin: pass\n")
    culprit = persistent.start(ask(plugin, kill_grace=20))
    others = [persistent.start(ask(plugin)) for _ in range(3)]
    for request in (culprit, *others):
        await request.taken.wait()
    culprit.stop(StopReason.TIMED_OUT)
    assert (await culprit.wait()).stop is StopReason.TIMED_OUT
    assert [(await other.wait()).stop for other in others] == [StopReason.LOST] * 3


async def test_a_worker_that_dies_fails_its_one_request_and_the_next_gets_another(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(
        PYTHON
        + LOOP
        + "    if r['command'] == 'die': sys.stderr.write('oh'); sys.stderr.flush(); os.abort()\n    "
        + OK % "1"
    )
    execution = await run(persistent, ask(plugin, "die"))
    assert (execution.exit_code, execution.stop, execution.stderr) == (-signal.SIGABRT, None, b"oh")
    assert answer(await run(persistent, ask(plugin))) == 1


async def test_of_several_that_a_dead_worker_had_none_is_blamed(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(PYTHON + HELLO % ", 'concurrency': 9" + "sys.stdin.readline(); sys.stdin.readline(); os.abort()\n")
    executions = await asyncio.gather(run(persistent, ask(plugin)), run(persistent, ask(plugin)))
    assert [execution.stop for execution in executions] == [StopReason.LOST, StopReason.LOST]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sys.stderr.write('cannot start'); sys.exit(3)", b"cannot start"),
        ('print(\'{"ready": true, "protocol": 9}\', flush=True); time.sleep(60)', b"protocol: 2"),
        ('print(\'{"ready": true, "protocol": 2, "concurrency": 0}\', flush=True); time.sleep(60)', b"concurrency"),
        ("time.sleep(60)", b"did not say hello within"),
    ],
)
async def test_a_worker_that_does_not_come_up_fails_what_waits_for_it_with_its_words(
    persistent: PersistentRunner,
    script: Script,
    ask: MakeCall,
    monkeypatch: pytest.MonkeyPatch,
    *,
    body: str,
    why: bytes,
) -> None:
    if b"hello" in why:
        monkeypatch.setattr(workers, "HELLO_SECONDS", 0.05)
    plugin = script(PYTHON + "import sys, time\n" + body + "\n")
    execution = await run(persistent, ask(plugin))
    assert execution.exit_code != 0
    assert why in str(execution.fault).encode() + execution.stderr


async def test_a_worker_that_keeps_failing_is_started_ever_more_slowly(
    persistent: PersistentRunner, script: Script, ask: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "FIRST_BACKOFF_SECONDS", 0.05)
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def counted(delay: float, callback: Any, *given: Any) -> Any:
        if callback.__name__ == "_retry":
            waits.append(delay)
            delay = 0
        return call_later(delay, callback, *given)

    monkeypatch.setattr(loop, "call_later", counted)
    plugin = script(PYTHON + "raise SystemExit(1)\n")
    for _ in range(4):
        await run(persistent, ask(plugin))
    assert waits == [0.05, 0.1, 0.2, 0.4]


async def test_an_executable_that_cannot_start_is_explained(
    persistent: PersistentRunner, ask: MakeCall, tmp_path: Path
) -> None:
    with pytest.raises(SpawnFailed, match="does not exist; restore it"):
        await run(persistent, ask(tmp_path / "gone"))


async def test_other_lines_of_stdout_are_logs_of_what_is_at_work(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(
        PYTHON + LOOP + '    print(\'just a word\\n\\n[1, 2]\\n{"no": "id"}\', flush=True)\n    ' + OK % "1"
    )
    response = response_of(await run(persistent, ask(plugin)))
    assert [log["message"] for log in response.logs] == ["just a word", "[1, 2]", '{"no": "id"}']


async def test_a_second_answer_changes_nothing(persistent: PersistentRunner, script: Script, ask: MakeCall) -> None:
    plugin = script(
        PYTHON + HELLO % "" + "old = None\nfor line in sys.stdin:\n    r = json.loads(line)\n"
        "    if old: print(json.dumps({'id': old, 'status': 'ok', 'result': 0}), flush=True)\n"
        "    old = r['id']\n    " + OK % "1"
    )
    assert [answer(await run(persistent, ask(plugin))) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"id": "other/1", "status": "ok", "result": 0}', "its `id` is of no request"),
        ('{"status": "ok", "result": 0}', "it has no `id`"),
        ('{"id": null, "status": "ok", "result": 0}', "its `id` is of no request"),
        ('{"id": 7, "status": "ok", "result": 0}', "its `id` is of no request"),
        ('{"id": ID, "status": "ok", "resu', "stdout is not JSON: unexpected end of data"),
        ('{"id": ID, "status": "ok", "result": nul}', "stdout is not JSON: invalid literal"),
        ('{"status": "ok", ', "stdout is not JSON"),
        ("{'id': ID, 'status': 'ok', 'result': 0}", "stdout is not JSON"),
        ('{"id": ID, "status": "fine"}', "`status` is"),
        ('{"id": ID, "status": "ok"}', "needs a `result`"),
    ],
)
async def test_an_answer_that_is_none_fails_its_request_at_once(
    persistent: PersistentRunner, script: Script, ask: MakeCall, line: str, why: str
) -> None:
    plugin = script(
        PYTHON + LOOP + f"    print({line!r}.replace('ID', json.dumps(r['id'])), flush=True); time.sleep(60)\n"
    )
    judged = read_outcome(await asyncio.wait_for(run(persistent, ask(plugin)), 20), str)
    assert (judged.kind, judged.retry) == (Outcome.FAILED, False)
    assert why in str(judged.error)
    assert str(judged.error).startswith("protocol error: ")
    assert judged.stdout


async def test_a_frame_that_nests_deeply_hides_no_answer_of_the_same_read(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    deep = "[" * 300 + "]" * 300
    plugin = script(
        PYTHON + HELLO % ", 'concurrency': 2" + "a, b = (json.loads(sys.stdin.readline())['id'] for _ in range(2))\n"
        f'lines = [\'{{"id":"\' + a + \'","progress":{deep}}}\', \'{{"id":"\' + a + \'","log":{deep}}}\']\n'
        "lines += [json.dumps({'id': i, 'status': 'ok', 'result': 1}) for i in (a, b)]\n"
        "print('\\n'.join(lines), flush=True)\nsys.stdin.read()\n"
    )
    executions = await asyncio.wait_for(asyncio.gather(run(persistent, ask(plugin)), run(persistent, ask(plugin))), 20)
    assert [answer(one) for one in executions] == [1, 1]
    assert any("cannot be shown" in log["message"] for one in executions for log in read_outcome(one, str).logs)


async def test_a_greeting_that_never_comes_is_told_with_what_came_instead(
    persistent: PersistentRunner, script: Script, ask: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "HELLO_SECONDS", 0.3)
    plugin = script(PYTHON + "import time\nprint('Welcome to my plugin', flush=True)\ntime.sleep(60)\n")
    judged = read_outcome(await run(persistent, ask(plugin)), str)
    assert judged.error == "the worker did not say hello within 0.3 s: Welcome to my plugin"
    late = read_outcome(await run(persistent, ask(plugin, timeout=50)), str)
    assert "no worker had said hello yet" in str(late.error) or "no worker had been started" in str(late.error)


async def test_a_crash_costs_no_memory_that_waits_for_the_collector(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(PYTHON + LOOP + "    sys.stdout.write('x' * 1_000_000); sys.stdout.flush(); os._exit(3)\n")
    gc.collect()
    gc.disable()
    try:
        request = persistent.start(ask(plugin))
        await request.taken.wait()
        held = [weakref.ref(request), weakref.ref(request.worker), weakref.ref(request.worker.dialogue)]  # type: ignore[union-attr,attr-defined]
        execution = await request.wait()
        assert (execution.exit_code, len(execution.stdout)) == (3, 1_000_000)
        del request, execution
        for _ in range(3):
            await asyncio.sleep(0)
        assert [ref() for ref in held] == [None, None, None]
    finally:
        gc.enable()


async def test_a_late_answer_of_one_attempt_does_not_settle_the_next(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    """The first attempt is cancelled unanswered; its answer comes while the second is at work."""
    plugin = script(
        PYTHON + HELLO % ", 'concurrency': 2" + "first = json.loads(sys.stdin.readline())['id']\n"
        "assert 'cancel' in json.loads(sys.stdin.readline())\n"
        "r = json.loads(sys.stdin.readline())\n"
        "print(json.dumps({'id': first, 'status': 'ok', 'result': 'late'}), flush=True)\n" + OK % "'mine'"
    )
    job = new_id()
    one = persistent.start(ask(plugin, job_id=job))
    await asyncio.wait_for(one.taken.wait(), 10)
    one.stop(StopReason.CANCELLED)
    other = persistent.start(ask(plugin, job_id=job, attempt=2))
    assert answer(await other.wait()) == "mine"
    assert (await one.wait()).stop is StopReason.CANCELLED


async def test_a_line_of_more_than_the_limit_ends_the_worker(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(
        PYTHON + LOOP + f"    sys.stdout.write('x' * {STDOUT_BYTES + 1}); sys.stdout.flush(); time.sleep(60)\n"
    )
    assert (await run(persistent, ask(plugin))).stop is StopReason.FLOODED


async def test_a_large_request_and_its_large_answer_arrive_whole(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(PYTHON + LOOP + "    " + OK % "r['payload']['text']")
    text = "x" * 3_000_000
    assert answer(await run(persistent, ask(plugin, payload={"text": text}))) == text


async def test_a_worker_without_heartbeat_is_recycled(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(PYTHON + HELLO % ", 'heartbeat': 0.02" + "time.sleep(60)\n")
    execution = await run(persistent, ask(plugin))
    assert execution.exit_code == -signal.SIGKILL


async def test_a_worker_with_a_heartbeat_may_take_its_time(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(
        PYTHON + HELLO % ", 'heartbeat': 0.2" + "r = json.loads(sys.stdin.readline())\n"
        "for _ in range(10):\n    time.sleep(0.08)\n    print('{\"heartbeat\": true}', flush=True)\n" + OK % "1"
    )
    assert answer(await run(persistent, ask(plugin))) == 1


async def test_a_worker_is_let_go_after_so_many_jobs(persistent: PersistentRunner, library: Any, ask: MakeCall) -> None:
    plugin = library()
    rules = WorkerRules(max_jobs=2)
    pids = [answer(await run(persistent, ask(plugin, workers=rules)))["pid"] for _ in range(6)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 2]


@pytest.mark.parametrize("rules", [WorkerRules(max_age=1), WorkerRules(max_rss=1024)])
async def test_an_old_or_large_worker_is_let_go(
    persistent: PersistentRunner, library: Any, ask: MakeCall, rules: WorkerRules
) -> None:
    plugin = library()
    pids = {answer(await run(persistent, ask(plugin, workers=rules)))["pid"] for _ in range(2)}
    assert len(pids) == 2


async def test_a_reload_gives_new_calls_a_new_worker_and_lets_the_old_one_finish(
    persistent: PersistentRunner, library: Any, ask: MakeCall
) -> None:
    plugin = library(2)
    before = answer(await run(persistent, ask(plugin)))["pid"]
    waiting = persistent.start(ask(plugin, "wait"))
    persistent.retire()
    assert answer(await run(persistent, ask(plugin)))["pid"] != before
    assert is_alive(before)
    waiting.stop(StopReason.CANCELLED)
    assert b"was cancelled" in (await waiting.wait()).stdout


async def test_a_changed_entrypoint_gets_a_new_worker(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(PYTHON + LOOP + "    " + OK % "'one'")
    assert answer(await run(persistent, ask(plugin))) == "one"
    script(PYTHON + LOOP + "    " + OK % "'the other'")
    assert answer(await run(persistent, ask(plugin))) == "the other"


async def test_an_idle_worker_is_let_go(
    persistent: PersistentRunner, library: Any, ask: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.02)
    await run(persistent, ask(library()))
    (pool,) = persistent.pools
    await asyncio.wait_for(pool.wait_until_empty(), 10)


async def test_one_request_after_another_leaves_the_other_workers_to_go(
    persistent: PersistentRunner, script: Script, ask: MakeCall, tmp_path: Path
) -> None:
    met = f"[name for name in os.listdir('{tmp_path}') if name.startswith('met')]"
    meet = f"open(f'{tmp_path}/met{{os.getpid()}}', 'w').close()\n    while len({met}) < 2: pass\n    "
    plugin = script(PYTHON + LOOP + "    " + meet + OK % "os.getpid()")
    rules = WorkerRules(max_workers=2)
    first, second = persistent.start(ask(plugin, workers=rules)), persistent.start(ask(plugin, workers=rules))
    assert answer(await first.wait()) != answer(await second.wait())
    pids = [answer(await run(persistent, ask(plugin, workers=rules))) for _ in range(4)]
    assert len(set(pids)) == 1


async def test_a_stop_before_a_worker_is_up_ends_the_request_alone(
    persistent: PersistentRunner, library: Any, ask: MakeCall
) -> None:
    plugin = library()
    stopped, kept = persistent.start(ask(plugin)), persistent.start(ask(plugin))
    stopped.stop(StopReason.CANCELLED)
    assert (await stopped.wait()).stop is StopReason.CANCELLED
    assert answer(await kept.wait())


async def test_what_a_worker_leaves_behind_ends_with_it(
    persistent: PersistentRunner, script: Script, ask: MakeCall
) -> None:
    plugin = script(
        PYTHON + HELLO % "" + "r = json.loads(sys.stdin.readline())\npid = os.fork()\n"
        "if pid == 0:\n    os.setsid()\n    time.sleep(60)\n" + OK % "pid"
    )
    left = answer(await run(persistent, ask(plugin)))
    (pool,) = persistent.pools
    await asyncio.wait_for(pool.wait_until_empty(), 10)
    assert not is_alive(left)


async def test_a_persistent_plugin_may_be_forked_or_spawned_too(library: Any, ask: MakeCall) -> None:
    plugin = library()
    fork = ForkRunner(SpawnRunner())
    try:
        assert answer(await run(fork, ask(plugin)))["payload"] == {}
    finally:
        await fork.close()
