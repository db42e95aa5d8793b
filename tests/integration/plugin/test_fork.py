"""The fork runner: a forked script sees what a fresh interpreter would show it, and its zygote comes and goes."""

import asyncio
import json
import os
import re
import signal
import sys
import venv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.processes import MakeCall, Script, assert_no_children, descriptors, is_alive
from support.processes import watching as watched

from ductile.plugin import sweep
from ductile.plugin.runner import zygote_client
from ductile.plugin.runner.fork_runner import ForkedCall, ForkRunner
from ductile.plugin.runner.interface import Execution, Runner, StopReason
from ductile.plugin.runner.spawn_runner import SpawnRunner

PYTHON = f"#!{sys.executable}\n"
ISOLATED = f"#!{sys.executable} -IS\n"

PROBE = """
import atexit, json, os, signal, sys, threading, __main__
request = sys.stdin.read()
status = open("/proc/self/status").read()
fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
print(json.dumps({
    "argv": sys.argv,
    "orig_argv": sys.orig_argv,
    "file": __file__,
    "name": __name__,
    "doc": __doc__,
    "package": __package__,
    "spec": __spec__,
    "cached": __cached__,
    "loader": [type(__loader__).__name__, __loader__.name, __loader__.path],
    "builtins": type(__builtins__).__name__,
    "annotations": __annotations__,
    "globals": sorted(name for name in globals() if name.startswith("__")),
    "main_is_main": __main__.__dict__ is globals(),
    "path": sys.path,
    "executable": sys.executable,
    "prefix": [sys.prefix, sys.base_prefix, sys.exec_prefix],
    "flags": repr(sys.flags),
    "cwd": os.getcwd(),
    "env": {k: v for k, v in os.environ.items() if k not in ("DUCTILE_JOB_ID",)},
    "job_id_length": len(os.environ["DUCTILE_JOB_ID"]),
    "shown": sorted(e.split("=")[0] for e in open("/proc/self/environ").read().split("\\0") if e),
    "fds": {fd: os.readlink(f"/proc/self/fd/{fd}").split(":")[0] for fd in ("0", "1", "2")},
    "more_fds": len(os.listdir("/proc/self/fd")),
    "inheritable": [os.get_inheritable(fd) for fd in (0, 1, 2)],
    "blocking": [os.get_blocking(fd) for fd in (0, 1, 2)],
    "signals": {name: fields[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt")},
    "handlers": {s.name: repr(signal.getsignal(s)).split(" at ")[0] for s in signal.Signals},
    "group_leader": os.getpgid(0) == os.getpid(),
    "session": os.getsid(0),
    "umask": os.umask(0o22),
    "threads": [t.name for t in threading.enumerate()],
    "main_thread": threading.current_thread() is threading.main_thread(),
    "streams": [[s.encoding, s.errors, s.line_buffering, s.isatty(), s.fileno()]
                for s in (sys.stdin, sys.stdout, sys.stderr)],
    "request": request,
    "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
    "callbacks": atexit._ncallbacks(),
    "recursion": sys.getrecursionlimit(),
    "warnoptions": sys.warnoptions,
    "depth": len(__import__("traceback").extract_stack()) > 0,
}))
"""


@pytest.fixture
async def fork(instance: str) -> AsyncIterator[ForkRunner]:  # noqa: ARG001 - what is left is asserted before it is swept
    """The runner; once closed, no descriptor is left open and no child unreaped."""
    before = descriptors()
    runner = ForkRunner(SpawnRunner())
    yield runner
    await runner.close()
    assert descriptors() == before
    assert_no_children()


async def run(runner: Runner, call: object) -> Execution:
    return await runner.start(call).wait()  # type: ignore[arg-type]  # as the fixture makes it


async def both(fork: ForkRunner, make_call: MakeCall, script: Path, **changes: object) -> tuple[Execution, Execution]:
    """The same script, run by a fresh interpreter and by a zygote."""
    call = make_call(script, **changes)
    spawned, forked = await run(SpawnRunner(), call), await run(fork, call)
    assert (spawned.runner, forked.runner) == ("spawn", "fork")
    return spawned, forked


@pytest.mark.parametrize("shebang", [PYTHON, ISOLATED, "#!/usr/bin/env -S python3 -u -B\n", "#!/usr/bin/env python3\n"])
async def test_a_forked_script_sees_what_a_fresh_interpreter_shows_it(
    fork: ForkRunner, script: Script, make_call: MakeCall, shebang: str
) -> None:
    plugin = script(shebang + PROBE)
    spawned, forked = await both(fork, make_call, plugin, stdin=b"what is asked\n")
    expected, seen = json.loads(spawned.stdout), json.loads(forked.stdout)
    assert set(seen) == set(expected)
    for what in expected:
        assert seen[what] == expected[what], what
    assert spawned.stderr == forked.stderr == b""


async def test_a_script_in_a_virtual_environment_finds_its_packages(
    fork: ForkRunner, script: Script, make_call: MakeCall, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    packages = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    (packages / "only_here.py").write_text("WORD = 'found'\n")
    plugin = script(f"#!{tmp_path}/venv/bin/python3\nimport only_here, sys; print(only_here.WORD, sys.prefix)\n")
    spawned, forked = await both(fork, make_call, plugin)
    assert forked.stdout == spawned.stdout == f"found {tmp_path}/venv\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit(3)",
        "raise SystemExit('said on stderr')",
        "raise SystemExit(None)",
        "import sys; sys.exit([1, 2])",
        "import os; os._exit(9)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os; os.abort()",
        "raise KeyboardInterrupt",
        "import atexit; atexit.register(print, 'at the end'); raise KeyboardInterrupt",
        "import atexit; atexit.register(print, 'at the end'); print('before')",
        "import atexit; atexit.register(print, 'at the end'); raise ValueError('bad')",
        "def f():\n    raise ValueError('bad')\nf()",
        "def f():\n    f()\nf()",
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('bad') from e",
        "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
        "import sys; sys.excepthook = lambda *a: print('hooked', a[0].__name__, a[2].tb_lineno); raise ValueError",
        "import sys\ndef hook(*a): raise RuntimeError('in the hook')\nsys.excepthook = hook\nraise ValueError",
        "this is no Python",
        "if True:\nprint()",
        "import threading\ngo = threading.Event()\n"  # noqa: ISC004 - one script
        "threading.Thread(target=lambda: (go.wait(), print('from a thread'))).start()\ngo.set()",
        "import sys; print('out'); print('err', file=sys.stderr); sys.stdout.flush(); print('late')",
        "import sys; sys.stdout.write('no line end')",
        "import sys; sys.stdout.close(); sys.stderr.write('closed')",
        "import imp_that_is_not_there",
        "import warnings; warnings.warn('look', DeprecationWarning)",
        "class A:\n    def __del__(self): print('gone')\na = A()",
        "f = open('left-open', 'w')\nf.write('x' * 100)\nimport atexit\natexit.register(lambda: print(f.closed))",
        "import sys\nf = open('left-open', 'w')\nf.write('y' * 100)\nsys.exit(4)",
        "class A:\n    def __del__(self): say('gone')\ndef say(t): print(t)\na = A()\na.me = a\nraise ValueError",
        "import sys; sys.exit(-1)",
        "import sys; sys.exit(2**70)",
        "import sys; sys.exit(True)",
        "import atexit\n@atexit.register\ndef f():\n    raise ValueError('at the end')\nprint('before')",
        "import concurrent.futures as c\np = c.ThreadPoolExecutor(1)\np.submit(print, 'in a thread')",
        "import logging\nlogging.basicConfig()\nlogging.warning('careful')",
        "import tempfile, os\nd = tempfile.TemporaryDirectory()\nprint(os.path.isdir(d.name))",
        "import asyncio\nasync def main():\n    await asyncio.sleep(0); print('loop')\nasyncio.run(main())",
        "import subprocess; print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout)",
        "import os\nif os.fork() == 0:\n    os._exit(0)\nprint(os.wait()[1])",
        "import inspect, sys; print(inspect.getsource(sys.modules['__main__'])[:20])",
        "print(__import__('pickle').dumps(type('X', (), {}).__module__))",
        "import os, sys; print(os.listdir('.') != [], sys.stdin.fileno(), sys.stdin.read())",
    ],
    ids=lambda body: re.sub(r"\W+", "-", body)[:60],
)
async def test_a_forked_script_ends_as_a_fresh_one(
    fork: ForkRunner, script: Script, make_call: MakeCall, body: str
) -> None:
    plugin = script(PYTHON + body + "\n")
    left = plugin.parent / "left-open"
    spawned = await run(SpawnRunner(), make_call(plugin, stdin=b"{}\n"))
    of_spawned = left.read_text() if left.exists() else None
    left.unlink(missing_ok=True)
    forked = await run(fork, make_call(plugin, stdin=b"{}\n"))
    assert forked.runner == "fork"
    assert (left.read_text() if left.exists() else None) == of_spawned
    assert (forked.exit_code, forked.stop) == (spawned.exit_code, spawned.stop)
    assert forked.stdout == spawned.stdout
    assert same_depth(forked.stderr) == same_depth(spawned.stderr)


def same_depth(trace: bytes) -> bytes:
    """A traceback without addresses and the number of frames that fitted: a forked script stands deeper."""
    return re.sub(rb"repeated \d+ more times| at 0x[0-9a-f]+", b"", trace)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_multiprocessing_works_in_a_forked_script(
    fork: ForkRunner, script: Script, make_call: MakeCall, method: str
) -> None:
    plugin = script(
        f"{PYTHON}import multiprocessing\n\ndef square(n):\n    return n * n\n\n"
        f"if __name__ == '__main__':\n    with multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "        print(pool.map(square, range(5)))\n",
        name="run.py",
    )
    spawned, forked = await both(fork, make_call, plugin)
    assert forked.stdout == spawned.stdout == b"[0, 1, 4, 9, 16]\n", forked.stderr


async def test_random_numbers_differ_between_the_children_of_a_zygote(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(
        f"{PYTHON}import random, uuid, secrets\nprint(random.random(), uuid.uuid4(), secrets.token_hex())\n"
    )
    seen = {(await run(fork, make_call(plugin))).stdout for _ in range(8)}
    assert len(seen) == 8


async def test_a_module_beside_the_script_wins_over_the_standard_library(
    fork: ForkRunner, script: Script, make_call: MakeCall, tmp_path: Path
) -> None:
    (tmp_path / "json.py").write_text("WORD = 'ours'\n")
    plugin = script(f"{PYTHON}import json\nprint(json.WORD)\n")
    spawned, forked = await both(fork, make_call, plugin)
    assert forked.stdout == spawned.stdout == b"ours\n"


async def test_a_module_that_comes_later_wins_too(
    fork: ForkRunner, script: Script, make_call: MakeCall, tmp_path: Path
) -> None:
    plugin = script(f"{PYTHON}import colorsys\nprint(getattr(colorsys, 'WORD', 'theirs'))\n")
    assert (await run(fork, make_call(plugin))).stdout == b"theirs\n"
    (tmp_path / "colorsys.py").write_text("WORD = 'ours'\n")
    assert (await run(fork, make_call(plugin))).stdout == b"ours\n"
    assert (await run(fork, make_call(plugin))).runner == "fork"


async def test_a_changed_script_is_run_as_it_is_now(fork: ForkRunner, script: Script, make_call: MakeCall) -> None:
    plugin = script(f"{PYTHON}print('one')\n")
    assert (await run(fork, make_call(plugin))).stdout == b"one\n"
    script(f"{PYTHON}print('the other')\n")
    second = await run(fork, make_call(plugin))
    assert (second.stdout, second.runner) == (b"the other\n", "fork")


async def test_a_script_that_is_gone_is_refused_as_a_spawn_refuses_it(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(f"{PYTHON}print('one')\n")
    await run(fork, make_call(plugin))
    plugin.unlink()
    with pytest.raises(Exception, match="does not exist; restore it"):
        await run(fork, make_call(plugin))


async def test_each_child_carries_its_own_job_where_a_sweep_looks(
    fork: ForkRunner, script: Script, make_call: MakeCall, instance: str
) -> None:
    plugin = script(
        f"{PYTHON}import os, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    os.close(1)\n    os.close(2)\n    time.sleep(60)\nprint('left one')\n"
    )
    first, second = make_call(plugin), make_call(plugin)
    await run(fork, first)
    await run(fork, second)
    killed = await asyncio.to_thread(sweep.kill_job, instance, first.job_id)
    assert len(killed) == 1
    assert len(await asyncio.to_thread(sweep.kill_job, instance, second.job_id)) == 1


async def test_a_forked_plugin_past_its_deadline_is_ended(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(f"{PYTHON}import time\ntime.sleep(60)\n")
    execution = await run(fork, make_call(plugin, timeout=500))
    assert (execution.stop, execution.exit_code) == (StopReason.TIMED_OUT, -signal.SIGTERM)


async def test_a_stop_before_the_interpreter_is_up_is_kept(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    running = fork.start(make_call(script(f"{PYTHON}import time\ntime.sleep(60)\n")))
    running.stop(StopReason.CANCELLED)
    execution = await running.wait()
    assert (execution.stop, execution.exit_code) == (StopReason.CANCELLED, 0), "it never had a process"


async def test_a_large_request_and_a_large_answer_arrive_whole(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(f"{PYTHON}import sys\nsys.stdout.write(sys.stdin.read())\n")
    request = b"x" * 3_000_000
    assert (await run(fork, make_call(plugin, stdin=request))).stdout == request


async def test_two_hundred_at_once_each_get_their_own_answer(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(f"{PYTHON}import os, sys\nprint(sys.stdin.read(), os.environ['DUCTILE_JOB_ID'])\n")
    calls = [make_call(plugin, stdin=str(n).encode()) for n in range(200)]
    executions = await asyncio.gather(*(run(fork, call) for call in calls))
    assert [execution.stdout for execution in executions] == [
        f"{n} {call.job_id}\n".encode() for n, call in enumerate(calls)
    ]


async def test_a_grandchild_that_outlives_a_forked_plugin_is_killed(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(f"{PYTHON}import os, time\npid = os.fork()\nif not pid:\n    time.sleep(60)\nprint(pid)\n")
    execution = await run(fork, make_call(plugin))
    assert not is_alive(int(execution.stdout))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#!/bin/sh\necho done\n", "its interpreter is `sh`"),
        ("#!/usr/bin/env -S python3 -c pass\n", "given `-c`"),
        (f"{PYTHON}\0", "no script in Python"),
    ],
)
async def test_what_cannot_be_forked_is_spawned_and_the_log_says_why_once(
    fork: ForkRunner,
    script: Script,
    make_call: MakeCall,
    capsys: pytest.CaptureFixture[str],
    *,
    text: str,
    why: str,
) -> None:
    call = make_call(script(text))
    assert {(await run(fork, call)).runner for _ in range(2)} == {"spawn"}
    assert capsys.readouterr().out.count(why) == 1


async def test_an_interpreter_that_does_not_come_up_is_spawned(
    fork: ForkRunner, script: Script, make_call: MakeCall, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\ncase "$1" in *zygote*) echo "no zygote here" >&2; exit 1;; esac\necho answered\n')
    fake.chmod(0o755)
    execution = await run(fork, make_call(script(f"#!{fake}\n")))
    assert (execution.stdout, execution.runner) == (b"answered\n", "spawn")
    assert "no zygote here" in capsys.readouterr().out


async def test_an_interpreter_that_hangs_is_given_up(
    fork: ForkRunner, script: Script, make_call: MakeCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote_client, "HELLO_SECONDS", 0.05)
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\ncase "$1" in *zygote*) exec sleep 60;; esac\necho answered\n')
    fake.chmod(0o755)
    assert (await run(fork, make_call(script(f"#!{fake}\n")))).stdout == b"answered\n"


async def test_an_idle_zygote_retires(
    fork: ForkRunner, script: Script, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote_client, "IDLE_SECONDS", 0.02)
    await run(fork, make_call(script(f"{PYTHON}print(1)\n")))
    (zygote,) = fork.zygotes
    await asyncio.wait_for(zygote.gone.wait(), 5)
    assert not fork.zygotes
    assert_no_children()


async def test_a_reload_retires_a_zygote_with_its_last_child(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(
        f"{PYTHON}import sys\nprint(sys.stdin.readline()); sys.stdout.flush(); import time; time.sleep(60)\n"
    )
    running = fork.start(make_call(plugin))
    assert isinstance(running, ForkedCall)
    await running.process()
    (zygote,) = fork.zygotes
    fork.retire()
    assert not zygote.gone.is_set()
    running.stop(StopReason.CANCELLED)
    assert (await running.wait()).exit_code == -signal.SIGTERM
    await asyncio.wait_for(zygote.gone.wait(), 5)
    assert (await run(fork, make_call(script(f"{PYTHON}print(1)\n")))).runner == "fork"


async def test_when_a_zygote_dies_its_children_end_as_they_would_and_the_next_call_gets_another(
    fork: ForkRunner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(f"{PYTHON}import sys\nopen('go').read()\nprint('answered')\n")
    fifo = plugin.parent / "go"
    os.mkfifo(fifo)
    running = fork.start(make_call(plugin))
    assert isinstance(running, ForkedCall)
    await running.process()
    (zygote,) = fork.zygotes
    zygote.kill()
    await asyncio.wait_for(zygote.gone.wait(), 5)
    await asyncio.to_thread(fifo.write_text, "go")
    execution = await running.wait()
    assert execution.stdout == b"answered\n"
    assert (await run(fork, make_call(script(f"{PYTHON}print(1)\n")))).runner == "fork"


async def test_a_zygote_ends_with_its_gateway(script: Script, make_call: MakeCall, instance: str) -> None:
    fork = ForkRunner(SpawnRunner())
    await run(fork, make_call(script(f"{PYTHON}print(1)\n")))
    (zygote,) = fork.zygotes
    with watched(zygote.pid) as ended:
        zygote.hang_up()  # what the kernel does to the channel of a gateway that is killed
        assert await asyncio.to_thread(ended)
    await fork.close()
    assert sweep.kill_instance(instance) == []


async def test_other_variables_make_another_zygote(fork: ForkRunner, script: Script, make_call: MakeCall) -> None:
    plugin = script(f"{PYTHON}import os\nprint(os.environ.get('WORD'))\n")
    call = make_call(plugin)
    assert (await run(fork, call)).stdout == b"None\n"
    assert (await run(fork, make_call(plugin, env={**call.env.shared, "WORD": "new"}))).stdout == b"new\n"
    assert len(fork.zygotes) == 2
