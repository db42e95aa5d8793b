"""The spawn runner against real executables, most of them badly behaved."""

import asyncio
import os
import resource
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.processes import MakeCall, Script, assert_no_children, descriptors, is_alive, watching

from ductile.model.output import DEFAULT_OUTPUT
from ductile.plugin import sweep
from ductile.plugin.runner import process
from ductile.plugin.runner.errors import PlatformUnsupported, SpawnFailed
from ductile.plugin.runner.interface import Execution, Runner, RunnerCall, StopReason
from ductile.plugin.runner.spawn_runner import SpawnRunner

PYTHON = f"#!{sys.executable} -IS\n"
ANSWER = '{"status":"ok","result":"done"}'
STDOUT_BYTES, STDERR_BYTES = DEFAULT_OUTPUT.max_stdout_bytes, DEFAULT_OUTPUT.max_stderr_bytes


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A FIFO that a plugin writes to once it has come so far."""
    path = tmp_path / "ready"
    os.mkfifo(path)
    return path


async def told(fifo: Path) -> str:
    def line() -> str:
        with fifo.open() as file:
            return file.readline().strip()

    return await asyncio.to_thread(line)


def wait_until_stopped(stat: Path) -> None:
    """Wait until the process of this file has stopped itself, which nothing signals."""
    while stat.read_text().rpartition(")")[2].split()[0] != "T":
        os.sched_yield()


async def run(spawn: Runner, call: RunnerCall) -> Execution:
    return await spawn.start(call).wait()


async def test_a_plugin_reads_its_request_and_answers(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    plugin = script("#!/bin/sh\ncat; echo note >&2\n")
    execution = await run(spawn, make_call(plugin, stdin=b'{"protocol":2,"payload":{"a":"\xc3\xa9"}}\n'))
    assert execution.stdout == b'{"protocol":2,"payload":{"a":"\xc3\xa9"}}\n'
    assert execution.stderr == b"note\n"
    assert (execution.exit_code, execution.stop) == (0, None)
    assert 0 <= execution.duration < 60_000


@pytest.mark.parametrize("code", [1, 78, 255])
async def test_a_response_with_a_non_zero_exit_is_handed_on_with_the_code(
    spawn: Runner, script: Script, make_call: MakeCall, code: int
) -> None:
    execution = await run(spawn, make_call(script(f"#!/bin/sh\necho '{ANSWER}'; exit {code}\n")))
    assert execution.exit_code == code
    assert execution.stdout.decode() == f"{ANSWER}\n"
    assert execution.stop is None


async def test_a_plugin_killed_by_a_signal_shows_its_number(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    execution = await run(spawn, make_call(script("#!/bin/sh\nkill -SEGV $$\n")))
    assert execution.exit_code == -signal.SIGSEGV
    assert execution.stop is None


async def test_a_plugin_past_its_deadline_is_ended(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    execution = await run(spawn, make_call(script("#!/bin/sh\nexec sleep 60\n"), timeout=500))
    assert execution.stop is StopReason.TIMED_OUT
    assert execution.exit_code == -signal.SIGTERM
    assert execution.duration >= 500


async def test_a_stopped_plugin_may_still_answer_within_the_grace(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path
) -> None:
    plugin = script(f"#!/bin/bash\ntrap 'echo bye; exit 3' TERM\necho > {ready}\nsleep 60 & wait\n")
    running = spawn.start(make_call(plugin))
    await told(ready)
    running.stop(StopReason.CANCELLED)
    running.stop(StopReason.LOST)
    execution = await running.wait()
    assert (execution.stop, execution.exit_code, execution.stdout) == (StopReason.CANCELLED, 3, b"bye\n")
    running.stop(StopReason.LOST)
    assert (await running.wait()).stop is StopReason.CANCELLED


async def test_a_plugin_that_ignores_sigterm_is_killed_after_the_grace(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path
) -> None:
    plugin = script(f"#!/bin/bash\ntrap '' TERM\necho > {ready}\nsleep 60 & wait\n")
    running = spawn.start(make_call(plugin, kill_grace=30))
    await told(ready)
    running.stop(StopReason.LOST)
    execution = await running.wait()
    assert (execution.stop, execution.exit_code) == (StopReason.LOST, -signal.SIGKILL)


async def test_what_a_stopped_plugin_writes_is_read_even_if_it_is_stopped_at_once(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LISTEN_SECONDS", 60.0)
    plugin = script(
        f"#!/bin/sh\ntrap '' TERM\necho > {ready}\nread -r line < {ready}.go\nhead -c 300000 /dev/zero\nexit 4\n"
    )
    go = ready.with_name("ready.go")
    os.mkfifo(go)
    running = spawn.start(make_call(plugin))
    await told(ready)
    running.stop(StopReason.CANCELLED)
    await asyncio.to_thread(go.write_text, "go\n")
    execution = await running.wait()
    assert (execution.exit_code, len(execution.stdout)) == (4, 300_000)


async def test_a_plugin_that_has_stopped_itself_still_gets_sigterm(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path
) -> None:
    running = spawn.start(make_call(script(f"#!/bin/sh\necho $$ > {ready}\nkill -STOP $$\n")))
    await asyncio.to_thread(wait_until_stopped, Path(f"/proc/{await told(ready)}/stat"))
    running.stop(StopReason.TIMED_OUT)
    execution = await running.wait()
    assert (execution.stop, execution.exit_code) == (StopReason.TIMED_OUT, -signal.SIGTERM)


async def test_a_plugin_that_has_left_its_group_is_stopped_too(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path
) -> None:
    plugin = script(
        f"{PYTHON}import os, signal\nos.setpgid(0, os.getpgid(os.getppid()))\n"
        f"open({str(ready)!r}, 'w').close()\nsignal.pause()\n"
    )
    running = spawn.start(make_call(plugin))
    await told(ready)
    running.stop(StopReason.CANCELLED)
    assert (await running.wait()).exit_code == -signal.SIGTERM


async def test_a_flood_of_stdout_ends_the_plugin_and_keeps_what_is_allowed(
    spawn: Runner, script: Script, make_call: MakeCall
) -> None:
    execution = await run(spawn, make_call(script("#!/bin/sh\nexec yes\n")))
    assert execution.stop is StopReason.FLOODED
    assert execution.exit_code == -signal.SIGTERM
    assert len(execution.stdout) == STDOUT_BYTES


async def test_a_flood_is_read_on_until_a_plugin_that_ignores_sigterm_ends(
    spawn: Runner, script: Script, make_call: MakeCall
) -> None:
    plugin = script("#!/bin/sh\ntrap '' TERM\nhead -c 20000000 /dev/zero\nexit 4\n")
    execution = await run(spawn, make_call(plugin))
    assert (execution.stop, execution.exit_code, len(execution.stdout)) == (
        StopReason.FLOODED,
        4,
        STDOUT_BYTES,
    )


async def test_stdout_may_fill_its_limit_exactly(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    execution = await run(spawn, make_call(script(f"#!/bin/sh\nexec head -c {STDOUT_BYTES} /dev/zero\n")))
    assert (execution.stop, execution.exit_code, len(execution.stdout)) == (None, 0, STDOUT_BYTES)


async def test_a_flood_of_stderr_is_cut_and_fails_nothing(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    plugin = script(f"#!/bin/sh\necho first >&2; head -c 50000000 /dev/zero >&2; echo last >&2; echo '{ANSWER}'\n")
    execution = await run(spawn, make_call(plugin))
    assert (execution.exit_code, execution.stop, execution.stdout) == (0, None, f"{ANSWER}\n".encode())
    assert len(execution.stderr) <= STDERR_BYTES
    assert execution.stderr.startswith(b"first\n")
    assert execution.stderr.endswith(b"last\n")
    assert b"bytes are left out here" in execution.stderr


async def test_a_large_request_that_nobody_reads_blocks_nothing(
    spawn: Runner, script: Script, make_call: MakeCall
) -> None:
    execution = await run(spawn, make_call(script(f"#!/bin/sh\necho '{ANSWER}'\n"), stdin=b"x" * 5_000_000))
    assert (execution.exit_code, execution.stdout) == (0, f"{ANSWER}\n".encode())


async def test_a_large_request_arrives_whole(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    execution = await run(spawn, make_call(script("#!/bin/sh\nexec wc -c\n"), stdin=b"x" * 5_000_000))
    assert execution.stdout.split() == [b"5000000"]


async def test_a_large_request_comes_back_whole(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    request = bytes(range(256)) * 20_000
    execution = await run(spawn, make_call(script("#!/bin/sh\nexec cat\n"), stdin=request))
    assert execution.stdout == request


async def test_a_plugin_that_closes_stdout_and_lingers_is_waited_for(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path
) -> None:
    plugin = script(f"#!/bin/bash\necho '{ANSWER}'; exec 1>&- 2>&-; read -r line < {ready}; exit 5\n")
    running = spawn.start(make_call(plugin))
    waiter = asyncio.create_task(running.wait())
    await asyncio.to_thread(ready.write_text, "go\n")
    execution = await waiter
    assert (execution.exit_code, execution.stdout) == (5, f"{ANSWER}\n".encode())


async def test_a_grandchild_of_the_group_that_holds_the_pipes_is_killed(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path
) -> None:
    plugin = script(f"#!/bin/bash\nsleep 60 &\necho $! > {ready}\nread -r line < {ready}\necho '{ANSWER}'\n")
    running = spawn.start(make_call(plugin))
    with watching(int(await told(ready))) as ended:
        await asyncio.to_thread(ready.write_text, "go\n")
        execution = await running.wait()
        assert ended()
    assert (execution.exit_code, execution.stop, execution.stdout) == (0, None, f"{ANSWER}\n".encode())
    assert execution.duration < 30_000


async def test_a_grandchild_of_the_group_that_has_let_go_of_the_pipes_is_killed(
    spawn: Runner, script: Script, make_call: MakeCall
) -> None:
    plugin = script(
        f"{PYTHON}import os, signal\n"
        "child = os.fork()\n"
        "if child:\n    print(child, flush=True)\n    os.read(0, 100)\n    os._exit(0)\n"
        "os.closerange(0, 3)\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nsignal.pause()\n"
    )
    running = spawn.start(make_call(plugin, env={}))
    execution = await running.wait()
    with suppress(ProcessLookupError), watching(int(execution.stdout)) as ended:
        assert ended()


async def test_what_a_grandchild_writes_right_after_the_exit_is_kept(
    spawn: Runner, script: Script, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "DRAIN_SECONDS", 60.0)
    plugin = script(
        f"{PYTHON}import os, time\nreader, writer = os.pipe()\n"
        "if not os.fork():\n    os.close(writer)\n    os.read(reader, 1)\n    time.sleep(0.05)\n"
        "    os.write(1, b'late\\n')\n"
    )
    execution = await run(spawn, make_call(plugin))
    assert execution.stdout == b"late\n"


async def test_a_grandchild_in_its_own_session_that_holds_the_pipes_is_swept(
    spawn: Runner, script: Script, make_call: MakeCall, ready: Path
) -> None:
    grandchild = f"echo \\$\\$ > {ready}; exec sleep 60"
    plugin = script(f"#!/bin/bash\nsetsid bash -c \"{grandchild}\" &\nread -r line < {ready}.go\necho '{ANSWER}'\n")
    go = ready.with_name("ready.go")
    os.mkfifo(go)
    running = spawn.start(make_call(plugin))
    with watching(int(await told(ready))) as ended:
        await asyncio.to_thread(go.write_text, "go\n")
        execution = await running.wait()
        assert ended()
    assert (execution.exit_code, execution.stdout) == (0, f"{ANSWER}\n".encode())


async def test_a_daemon_that_has_let_go_of_everything_is_found_by_the_instance(
    spawn: Runner, script: Script, make_call: MakeCall, instance: str
) -> None:
    plugin = script(
        f"{PYTHON}import os, signal, sys\n"
        "sys.stdin.read()\n"
        "reader, writer = os.pipe()\n"
        "if os.fork():\n    print(os.read(reader, 20).decode())\n    sys.exit()\n"
        "os.setsid()\n"
        "if os.fork():\n    os._exit(0)\n"
        "for number in (0, 1, 2): os.close(number)\n"
        "os.write(writer, str(os.getpid()).encode())\n"
        "signal.pause()\n"
    )
    execution = await run(spawn, make_call(plugin))
    daemon = int(execution.stdout)
    assert execution.exit_code == 0
    with watching(daemon) as ended:
        assert is_alive(daemon)
        assert daemon in await asyncio.to_thread(sweep.kill_instance, instance)
        assert ended()


async def test_a_hundred_at_once_each_get_their_own_answer(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    plugin = script("#!/bin/sh\nexec cat\n")
    calls = [make_call(plugin, stdin=f"{number}".encode()) for number in range(100)]
    executions = await asyncio.gather(*(run(spawn, call) for call in calls))
    assert [execution.stdout for execution in executions] == [call.stdin for call in calls]


async def test_whoever_waits_may_give_up_and_the_process_is_ended_all_the_same(
    here: SpawnRunner, script: Script, make_call: MakeCall
) -> None:
    running = here.start(make_call(script("#!/bin/sh\nexec sleep 60\n")))
    waiters = [asyncio.create_task(running.wait()) for _ in range(2)]
    with watching(running.pid) as ended:
        waiters[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiters[0]
        assert is_alive(running.pid)
        running.stop(StopReason.CANCELLED)
        assert ended()
    assert (await waiters[1]).stop is StopReason.CANCELLED
    assert (await running.wait()).stop is StopReason.CANCELLED


async def test_a_plugin_has_three_descriptors_and_no_blocked_or_ignored_signal(
    script: Script, make_call: MakeCall
) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003 - its own signature
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    hup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        shell = script(
            "#!/bin/sh\nls /proc/self/fd\ngrep SigIgn /proc/self/status\ncut -d' ' -f1,5 /proc/$$/stat\n", name="shell"
        )
        of_shell = await run(SpawnRunner(), make_call(shell))
        python = script(f"{PYTHON}import signal\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n", name="python")
        of_python = await run(SpawnRunner(), make_call(python))
    finally:
        signal.signal(signal.SIGHUP, hup)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(reader)
        os.close(writer)
    *numbers, ignored, pids = of_shell.stdout.decode().splitlines()
    assert numbers == ["0", "1", "2", "3"], "3 is of `ls` itself"
    assert int(ignored.split()[1], 16) & ~0x180000000 == 0, (
        "32 and 33 belong to the C library, which lets nobody set them"
    )
    assert len(set(pids.split())) == 1, "it leads its own group"
    assert of_python.stdout == b"set()\n"


async def test_another_working_directory_is_entered_first(spawn: Runner, script: Script, make_call: MakeCall) -> None:
    plugin = script("#!/bin/sh\npwd -P; cat; exit 6\n")
    execution = await run(spawn, make_call(plugin, cwd=Path("/usr")))
    assert (execution.exit_code, execution.stdout) == (6, b'/usr\n{"protocol":2}\n')


async def test_the_plugin_starts_in_the_folder_of_the_gateway(
    spawn: Runner, script: Script, make_call: MakeCall, tmp_path: Path
) -> None:
    (tmp_path / "here").write_text("the folder itself")
    execution = await run(spawn, make_call(script("#!/bin/sh\nexec cat here\n")))
    assert execution.stdout == b"the folder itself"


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("#!/nowhere/python9 -x\n", 0o755, "names the interpreter `/nowhere/python9`, which does not exist"),
        ("#!/bin/sh\r\necho\r\n", 0o755, "ends in a carriage return"),
        ("echo no shebang\n", 0o755, "has no shebang"),
        ("#!/bin/sh\n", 0o644, "chmod +x"),
        ("#!/etc/passwd\n", 0o755, "its interpreter `/etc/passwd` is no executable file"),
    ],
)
def test_a_file_that_cannot_start_is_explained(
    script: Script, make_call: MakeCall, text: str, mode: int, words: str, *, elsewhere: bool
) -> None:
    call = make_call(script(text, mode=mode), **({"cwd": Path("/usr")} if elsewhere else {}))
    assert_refused(call, words)


@pytest.mark.parametrize("cwd", ["/usr", None])
def test_a_missing_executable_is_named(make_call: MakeCall, tmp_path: Path, cwd: str | None) -> None:
    call = make_call(tmp_path / "gone", **({"cwd": Path(cwd)} if cwd else {}))
    assert_refused(call, f"{tmp_path}/gone does not exist")


def test_a_missing_working_directory_is_named(script: Script, make_call: MakeCall, tmp_path: Path) -> None:
    assert_refused(make_call(script("#!/bin/sh\n"), cwd=tmp_path / "gone"), "gone does not exist")


def test_a_path_that_env_would_misread_is_refused(script: Script, make_call: MakeCall) -> None:
    assert_refused(make_call(script("#!/bin/sh\n", name="a=b"), cwd=Path("/usr")), "rename the folder or file")


def test_too_big_an_environment_is_refused(script: Script, make_call: MakeCall) -> None:
    assert_refused(make_call(script("#!/bin/sh\n"), env={"BIG": "x" * 8_000_000}), "environment is too big")


@pytest.mark.parametrize("env", [{"A": "nul\0byte"}, {"A=B": "name"}])
def test_a_variable_the_system_cannot_take_is_refused(script: Script, make_call: MakeCall, env: dict[str, str]) -> None:
    assert_refused(make_call(script("#!/bin/sh\n"), env=env), "does not accept")


def assert_refused(call: RunnerCall, words: str, *, transient: bool = False) -> None:
    async def start() -> None:
        runner = SpawnRunner()
        before = descriptors()
        with pytest.raises(SpawnFailed, match=r"could not be started") as refused:
            runner.start(call)
        assert words in refused.value.message
        assert refused.value.transient is transient
        assert descriptors() == before
        assert_no_children()

    asyncio.run(start())


@contextmanager
def descriptors_left(number: int) -> Iterator[None]:
    """So many descriptors may be opened still, and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with open(os.devnull) as null:  # noqa: PTH123 - its descriptor is all that is wanted
            while True:
                try:
                    taken.append(os.dup(null.fileno()))
                except OSError:
                    break
            for fd in taken[:number]:
                os.close(fd)
            del taken[:number]
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


@pytest.mark.parametrize("left", [0, 1, 3, 5])
async def test_a_start_without_descriptors_leaves_nothing_and_may_be_tried_again(
    here: SpawnRunner, script: Script, make_call: MakeCall, left: int
) -> None:
    plugin = script("#!/bin/sh\necho again\n")
    with descriptors_left(left), pytest.raises(SpawnFailed) as refused:
        here.start(make_call(plugin))
    assert refused.value.transient
    assert (await run(here, make_call(plugin))).stdout == b"again\n"


async def test_a_process_without_a_pidfd_is_killed_and_reaped(
    here: SpawnRunner, script: Script, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> int:
        raise OSError(24, "Too many open files")

    call = make_call(script("#!/bin/sh\nexec sleep 60\n"))
    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(SpawnFailed) as refused:
        here.start(call)
    assert refused.value.transient


async def test_a_process_that_the_loop_cannot_watch_is_killed_and_reaped(
    here: SpawnRunner, script: Script, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    call = make_call(script("#!/bin/sh\nexec sleep 60\n"), stdin=b"x" * 1_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "add_writer", refuse)
        with pytest.raises(SpawnFailed):
            here.start(call)
    assert_no_children()
    assert (await run(here, make_call(script("#!/bin/sh\necho next\n")))).stdout == b"next\n"


def test_another_system_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(PlatformUnsupported, match="darwin has no pidfds"):
        SpawnRunner()


def test_a_kernel_without_pidfds_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(PlatformUnsupported, match="Function not implemented"):
        SpawnRunner()


def test_a_gateway_without_standard_descriptors_gives_its_plugins_theirs(script: Script, tmp_path: Path) -> None:
    """In a process of its own, since it closes 0, 1 and 2."""
    plugin = script("#!/bin/sh\ncat; echo note >&2\n")
    outcome = tmp_path / "outcome"
    program = tmp_path / "gateway.py"
    program.write_text(
        f"""
import asyncio, os, pathlib
from ductile.plugin.environment import Environment
from ductile.plugin.runner.interface import RunnerCall
from ductile.plugin.runner.spawn_runner import SpawnRunner

async def main():
    for number in (0, 1, 2):
        os.close(number)
    call = RunnerCall(job_id="j", attempt=1, instance="i", executable=pathlib.Path({str(plugin)!r}),
                cwd=pathlib.Path.cwd(), env=Environment(os.environ), stdin=b"asked", timeout=60_000, kill_grace=1)
    execution = await SpawnRunner().start(call).wait()
    assert min(os.pipe()) > 2
    pathlib.Path({str(outcome)!r}).write_text(repr((execution.stdout, execution.stderr)))
asyncio.run(main())
"""
    )
    root = Path(__file__).parents[3]
    pid = os.posix_spawn(sys.executable, [sys.executable, str(program)], {**os.environ, "PYTHONPATH": str(root)})
    assert os.waitpid(pid, 0)[1] == 0
    assert outcome.read_text() == repr((b"asked", b"note\n"))
    assert stat.S_ISREG(outcome.stat().st_mode)
