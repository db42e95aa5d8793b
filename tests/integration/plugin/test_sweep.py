"""The sweep of /proc against real processes."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.processes import Script, descriptors, is_alive, watching

from ductile.model.ids import new_id
from ductile.plugin import sweep

Child = Callable[..., int]


@pytest.fixture
def child(script: Script, tmp_path: Path) -> Iterator[Child]:
    """Starts a process with these variables, in a session of its own; returns its pid once it runs."""
    pids: list[int] = []
    ready = tmp_path / "ready"
    os.mkfifo(ready)

    def start(body: str = "exec sleep 60", **env: str) -> int:
        plugin = script(f"#!/bin/bash\ntrap '' TERM\necho $$ > {ready}\n{body}\n", name=f"run{len(pids)}")
        pids.append(os.posix_spawn(plugin, [str(plugin)], {"PATH": os.environ["PATH"], **env}, setpgroup=0))
        ready.read_text()
        return pids[-1]

    yield start
    for pid in pids:
        os.kill(pid, signal.SIGKILL)  # still ours until it is reaped below
        os.waitpid(pid, 0)


def test_an_instance_is_swept_and_others_live_on(child: Child) -> None:
    ours, theirs = new_id(), new_id()
    marked = [child(DUCTILE_INSTANCE=ours, DUCTILE_JOB_ID=str(number)) for number in range(3)]
    others = [
        child(DUCTILE_INSTANCE=theirs),
        child(NOT_DUCTILE_INSTANCE=ours),
        child(DUCTILE_INSTANCE=f"{ours}0"),
        child(),
    ]
    assert sorted(sweep.kill_instance(ours)) == sorted(marked)
    assert [is_alive(pid) for pid in marked] == [False] * 3
    assert [is_alive(pid) for pid in others] == [True] * 4
    assert sweep.kill_instance(ours) == [], "zombies are no processes any more"


def test_a_job_is_swept_by_instance_and_id_together(child: Child) -> None:
    instance = new_id()
    marked = child(DUCTILE_INSTANCE=instance, DUCTILE_JOB_ID="job-1")
    others = [
        child(DUCTILE_INSTANCE=instance, DUCTILE_JOB_ID="job-12"),
        child(DUCTILE_INSTANCE=new_id(), DUCTILE_JOB_ID="job-1"),
    ]
    assert sweep.kill_job(instance, "job-1") == [marked]
    assert not is_alive(marked)
    assert all(map(is_alive, others))


def test_the_children_of_the_swept_are_swept(child: Child, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    os.mkfifo(pids)
    instance = new_id()
    parent = child(f"setsid sleep 60 & setsid sleep 60 & echo $! > {pids}; wait", DUCTILE_INSTANCE=instance)
    with watching(int(pids.read_text())) as ended:
        assert len(sweep.kill_instance(instance)) == 3
        assert ended()
    assert not is_alive(parent)


def test_a_process_that_multiplies_is_swept_whole(child: Child, script: Script, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    bomb = script(
        "import os, signal\n"
        "for number in range(200):\n"
        f"    if number == 5: open({str(begun)!r}, 'w').close()\n"
        "    if not os.fork():\n"
        "        os.setsid()\n"
        "        signal.pause()\n",
        name="bomb.py",
    )
    instance = new_id()
    child(f"exec {sys.executable} -IS {bomb}", DUCTILE_INSTANCE=instance)
    begun.read_text()
    assert len(sweep.kill_instance(instance)) >= 6
    assert sweep.kill_instance(instance) == []


def test_the_sweeping_process_spares_itself(script: Script) -> None:
    """In a process of its own that carries the instance, as a gateway does that a plugin has started."""
    instance = new_id()
    program = script(
        f"from ductile.plugin import sweep\nassert sweep.kill_instance({instance!r}) == []\n", name="main.py"
    )
    env = {**os.environ, "DUCTILE_INSTANCE": instance, "PYTHONPATH": str(Path(__file__).parents[3])}
    pid = os.posix_spawn(sys.executable, [sys.executable, str(program)], env)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_sweep_that_cannot_look_says_so_and_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, child: Child
) -> None:
    instance = new_id()
    pid = child(DUCTILE_INSTANCE=instance)
    before = descriptors()

    def refuse(_: int) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pidfd_open", refuse)
        with pytest.raises(OSError, match="Too many"):
            sweep.kill_instance(instance)
    assert descriptors() == before
    assert sweep.kill_instance(instance) == [pid]
