"""When a program is started by the helper, and what becomes of it when the helper cannot."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest
from support.processes import MakeCall, Script, assert_no_children, descriptors

from ductile.plugin.runner import spawn_helper as relays
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.interface import Execution
from ductile.plugin.runner.spawn_helper import SpawnHelper
from ductile.plugin.runner.spawn_runner import SpawnRunner
from ductile.plugin.runner.zygote_main import MAX_MESSAGE_BYTES

PARENT = "#!/bin/sh\ncut -d' ' -f4 /proc/$$/stat\n"
"""Says who started it."""


@pytest.fixture
async def relay(instance: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SpawnHelper]:
    """The runner, on a busy gateway; at the end no descriptor is left open and no child unreaped."""
    del instance
    monkeypatch.setattr(relays, "BUSY_SECONDS", float("inf"))
    before = descriptors()
    runner = SpawnHelper(SpawnRunner())
    yield runner
    await runner.close()
    assert descriptors() == before
    assert_no_children()


async def run(relay: SpawnHelper, call: object) -> Execution:
    return await relay.start(call).wait()  # type: ignore[arg-type]  # as the fixture makes it


async def test_a_busy_gateway_has_its_programs_started_by_the_helper(
    relay: SpawnHelper, script: Script, make_call: MakeCall
) -> None:
    execution = await run(relay, make_call(script(PARENT)))
    assert relay.helper is not None
    assert int(execution.stdout) == relay.helper.pid
    assert execution.runner == "spawn"


async def test_a_start_that_comes_alone_is_done_by_the_gateway_itself(
    relay: SpawnHelper, script: Script, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "BUSY_SECONDS", 0)
    assert int((await run(relay, make_call(script(PARENT)))).stdout) == os.getpid()
    assert relay.helper is None


async def test_a_relayed_program_has_three_descriptors_and_its_own_variables(
    relay: SpawnHelper, script: Script, make_call: MakeCall
) -> None:
    call = make_call(script("#!/bin/sh\nls /proc/self/fd\nenv | sort\n"))
    call = make_call(call.executable, env={**call.env.shared, "WORD": "with = and\nlines", "EMPTY": ""})
    text = (await run(relay, call)).stdout.decode()
    assert text.splitlines()[:4] == ["0", "1", "2", "3"], "3 is of `ls` itself"
    assert "WORD=with = and\nlines\n" in text
    assert "EMPTY=\n" in text


@pytest.mark.parametrize("size", [MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES * 3])
async def test_more_variables_than_a_message_takes_are_not_relayed(
    relay: SpawnHelper, script: Script, make_call: MakeCall, size: int
) -> None:
    call = make_call(script('#!/bin/sh\nprintf %s "$WORD" | wc -c\n'))
    parts = {f"WORD{n}": "x" * 60_000 for n in range(size // 60_000)}
    call = make_call(call.executable, env={**call.env.shared, **parts, "WORD": "x" * 60_000})
    assert int((await run(relay, call)).stdout) == 60_000
    assert relay.helper is None


async def test_what_the_helper_cannot_start_is_explained_as_ever(
    relay: SpawnHelper, script: Script, make_call: MakeCall
) -> None:
    with pytest.raises(SpawnFailed, match="chmod"):
        await run(relay, make_call(script("#!/bin/sh\n", mode=0o644)))
    assert (await run(relay, make_call(script("#!/bin/sh\necho next\n", name="next")))).stdout == b"next\n"


async def test_after_the_death_of_the_helper_comes_another(
    relay: SpawnHelper, script: Script, make_call: MakeCall
) -> None:
    plugin = script(PARENT)
    await run(relay, make_call(plugin))
    first = relay.helper
    assert first is not None
    first.kill()
    await first.gone.wait()
    assert int((await run(relay, make_call(plugin))).stdout) not in (first.pid, os.getpid())


async def test_a_helper_that_does_not_come_up_is_done_without(
    relay: SpawnHelper, script: Script, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = script("#!/bin/sh\nexit 1\n", name="python")
    monkeypatch.setattr(sys, "executable", str(broken))
    for _ in range(2):
        assert int((await run(relay, make_call(script(PARENT)))).stdout) == os.getpid()
    assert relay.helper is None


async def test_two_hundred_at_once_each_get_their_own_answer(
    relay: SpawnHelper, script: Script, make_call: MakeCall
) -> None:
    plugin = script("#!/bin/sh\nexec cat\n")
    executions = await asyncio.gather(*(run(relay, make_call(plugin, stdin=b"%d" % n)) for n in range(200)))
    assert [execution.stdout for execution in executions] == [b"%d" % n for n in range(200)]
