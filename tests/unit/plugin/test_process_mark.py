"""The mark that a gateway's processes carry, on processes of this test."""

import os
import subprocess
import sys

from ductile.plugin.process_mark import MIN_HARD_LIMIT, Mark, gateway_mark, read_mark

CHILD = """
import os, subprocess, sys
from ductile.plugin.process_mark import gateway_mark, set_owner, take_mark
assert take_mark(gateway_mark("one"))
set_owner(7, gateway_mark("one"))
print(subprocess.check_output(["env", "-i", "setsid", "cat", "/proc/self/limits"]).decode())
"""


def test_the_mark_of_a_gateway_is_its_own_and_fits_the_limit() -> None:
    assert gateway_mark("one") == gateway_mark("one") != gateway_mark("two")
    assert MIN_HARD_LIMIT <= gateway_mark("one") < 1 << 63


def test_a_process_that_no_gateway_has_started_carries_no_gateways_mark() -> None:
    mark = read_mark(os.getpid())
    assert mark is None or mark.gateway < MIN_HARD_LIMIT
    assert read_mark(2**22 + 1) is None, "no such process"


def test_the_mark_outlives_exec_setsid_and_a_cleared_environment() -> None:
    shown = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True).stdout
    [line] = [line.split() for line in shown.splitlines() if line.startswith("Max file locks")]
    assert Mark(gateway=int(line[4]), owner=int(line[3])) == Mark(gateway=gateway_mark("one"), owner=7)
