"""Real executables in a folder, and proof that none of them leaves a descriptor, a process or a zombie."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.processes import MakeCall, Script, assert_no_children, descriptors, remember_children

from ductile.model.ids import new_id
from ductile.plugin import sweep
from ductile.plugin.environment import Environment
from ductile.plugin.runner import spawn_helper
from ductile.plugin.runner.interface import Runner, RunnerCall
from ductile.plugin.runner.spawn_helper import SpawnHelper
from ductile.plugin.runner.spawn_runner import SpawnRunner


@pytest.fixture(autouse=True)
def _before() -> None:
    remember_children()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(text: str, *, name: str = "run", mode: int = 0o755) -> Path:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def instance() -> Iterator[str]:
    """The gateway's own uuid; whatever still carries it at the end of the test is killed."""
    value = new_id()
    yield value
    sweep.kill_instance(value)


@pytest.fixture
def make_call(instance: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCall:
    monkeypatch.chdir(tmp_path)

    def call(executable: Path, **changes: object) -> RunnerCall:
        job_id = new_id()
        env = {"PATH": os.environ["PATH"], "DUCTILE_INSTANCE": instance}
        values: dict[str, object] = {
            "job_id": job_id,
            "attempt": 1,
            "instance": instance,
            "executable": executable,
            "cwd": tmp_path,
            "env": env,
            "stdin": b'{"protocol":2}\n',
            "timeout": 60_000,
            "kill_grace": 60_000,
        }
        values |= changes
        values["env"] = Environment(values["env"])  # type: ignore[arg-type]  # as the next line
        return RunnerCall(**values)  # type: ignore[arg-type]  # a test changes one field by name

    return call


@pytest.fixture(params=["here", "relayed"])
async def spawn(
    request: pytest.FixtureRequest, instance: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runner]:
    """The runner, both ways; at the end no descriptor is left open and no child unreaped."""
    del instance  # whatever still carries it is swept after the last assertion
    before = descriptors()
    monkeypatch.setattr(spawn_helper, "BUSY_SECONDS", float("inf"))
    runner = SpawnRunner() if request.param == "here" else SpawnHelper(SpawnRunner())
    yield runner
    await runner.close()
    assert descriptors() == before
    assert_no_children()


@pytest.fixture
async def here(instance: str) -> AsyncIterator[SpawnRunner]:  # noqa: ARG001 - as in `spawn`
    """The runner without its helper."""
    before = descriptors()
    yield SpawnRunner()
    assert descriptors() == before
    assert_no_children()
