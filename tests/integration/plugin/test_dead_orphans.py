"""The dead that an attempt leaves to the gateway, in a process of its own, which becomes a subreaper."""

import json
import subprocess
import sys

from ductile.plugin.runner.child_processes import MAX_DEAD_PER_TURN

REAPS = """
import asyncio, json, os
from pathlib import Path
from ductile.plugin.runner.child_processes import ChildProcesses


def orphans():
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


async def main():
    children = ChildProcesses()
    children.adopt("00000000-0000-0000-0000-000000000000")
    number = children.begin_attempt("job")
    leader = os.fork()
    if leader == 0:
        forked = [os.fork() or os._exit(0) for _ in range(COUNT)]
        for pid in forked:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        os._exit(0)
    children.enter(leader)
    children.reap(leader, os.pidfd_open(leader))
    before = orphans()
    ended = asyncio.get_running_loop().create_future()
    children.end(number, ended.set_result)
    left, told = orphans(), ended.done()
    await asyncio.wait_for(ended, 10)
    print(json.dumps({"before": before, "left": left, "told": told, "after": orphans()}))
    children.close()


asyncio.run(main())
"""


def test_many_dead_are_reaped_a_few_in_a_turn_and_the_end_is_told_after_all() -> None:
    count = 4 * MAX_DEAD_PER_TURN
    script = REAPS.replace("COUNT", str(count))
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(output.stdout) == {"before": count, "left": count - MAX_DEAD_PER_TURN, "told": False, "after": 0}
