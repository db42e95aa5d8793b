"""The gateway's control group, on this machine's hierarchy; each test moves a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ductile.model.ids import new_id
from ductile.plugin import control_group

ENTER = """
import json, os, sys
from pathlib import Path
from ductile.plugin import control_group
exec(sys.argv[2])
reason = control_group.enter_group(sys.argv[1])
print(json.dumps([reason, Path("/proc/self/cgroup").read_text()]), flush=True)
sys.stdin.readline()
print(json.dumps(control_group.end_group(sys.argv[1])), flush=True)
"""


@pytest.fixture
def instance() -> Iterator[str]:
    """An instance whose group is ended afterwards; the test is skipped where this machine lets it have none."""
    value = new_id()
    reason, _, _ = entered(value)
    if reason is not None:
        pytest.skip(reason)
    yield value
    control_group.end_group(value)


def entered(instance: str, *, before: str = "", kill: bool = False) -> tuple[str | None, str, list[int]]:
    """What a process hears that enters the group, its groups then, and whom it kills when it ends the group."""
    child = subprocess.Popen(
        [sys.executable, "-c", ENTER, instance, before], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        reason, groups = json.loads(child.stdout.readline())
        if kill:
            child.kill()
            return reason, groups, []
        child.stdin.write("\n")
        child.stdin.flush()
        return reason, groups, json.loads(child.stdout.read())


def test_a_process_enters_the_group_and_leaves_no_trace_of_it(instance: str) -> None:
    own = Path("/proc/self/cgroup").read_text()
    reason, groups, killed = entered(instance)
    assert (reason, killed) == (None, [])
    assert f"/ductile-{instance}\n" in groups
    assert Path("/proc/self/cgroup").read_text() == own
    assert control_group.end_group(instance) == [], "nothing is left to be ended"


def test_the_group_of_a_killed_process_is_taken_over_and_ended(instance: str) -> None:
    entered(instance, kill=True)
    assert entered(instance)[0] is None


def test_whoever_is_in_the_group_is_killed_and_groups_below_it_are_removed(instance: str) -> None:
    sleeper = subprocess.Popen(
        [
            sys.executable,
            "-c",
            ENTER.replace("sys.stdin.readline()", "os.execlp('sleep', 'sleep', '60')"),
            instance,
            "",
        ],
        stdout=subprocess.PIPE,
    )
    with sleeper:
        assert sleeper.stdout is not None
        _, groups = json.loads(sleeper.stdout.readline())
        group = groups.split("0::/")[1].strip()
        [mount] = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if " cgroup2 " in line]
        folder = Path(mount, group)
        (folder / "below").mkdir()
        (folder / "below/cgroup.procs").write_text(str(sleeper.pid))
        assert control_group.end_group(instance) == [sleeper.pid]
        assert not folder.exists()
    assert sleeper.returncode == -9


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes of another user")
def test_another_user_has_no_group_where_nothing_was_given_to_it(instance: str) -> None:
    reason, groups, killed = entered(instance, before="os.setuid(65534)")
    assert reason is not None
    assert reason.startswith("no group can be made in /")
    assert "Permission denied" in reason
    assert f"ductile-{instance}" not in groups
    assert killed == []


def test_a_group_that_systemd_has_not_delegated_is_left_alone(instance: str, tmp_path: Path) -> None:
    reason, groups, _ = entered(instance, before=f"control_group.SYSTEMD = Path({str(tmp_path)!r})")
    assert reason is not None
    assert "belongs to systemd: the unit has no Delegate=" in reason
    assert f"ductile-{instance}" not in groups


@pytest.fixture
def unit() -> Iterator[Path]:
    """A group as a service manager makes one for a service."""
    [mount] = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if " cgroup2 " in line]
    folder = Path(mount, f"unit-{new_id()}")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made: {error.strerror}")
    yield folder
    folder.rmdir()


def in_unit(unit: Path) -> str:
    """What a process does to be in it."""
    return f"Path({str(unit / 'cgroup.procs')!r}).write_text('0')\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a group to another user")
def test_a_group_that_systemd_has_delegated_to_the_user_is_used(unit: Path) -> None:
    instance = new_id()
    for path in (unit, unit / "cgroup.procs", unit / "cgroup.subtree_control", unit / "cgroup.threads"):
        os.chown(path, 65534, 65534)
    os.setxattr(unit, "user.delegate", b"1")
    before = f"{in_unit(unit)}os.setuid(65534)\ncontrol_group.SYSTEMD = Path('/')"
    reason, groups, killed = entered(instance, before=before)
    assert (reason, killed) == (None, [])
    assert f"0::/{unit.name}/ductile-{instance}\n" in groups
    assert [path for path in unit.iterdir() if path.is_dir()] == []


def test_a_threaded_group_holds_no_group_of_processes(unit: Path) -> None:
    (unit / "cgroup.type").write_text("threaded")
    instance = new_id()
    reason, groups, _ = entered(instance, before=in_unit(unit))
    assert reason is not None
    assert reason.startswith("no process can be moved into")
    assert f"0::/{unit.name}\n" in groups
    assert [path for path in unit.iterdir() if path.is_dir()] == []


def test_an_instance_that_is_no_name_makes_no_group() -> None:
    assert control_group.enter_group("../x") == "the instance is no name of a group"
