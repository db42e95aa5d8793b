"""One gateway a state database, and an identity that a copy does not share."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from ductile.store.errors import StateLocked, StateOnNetwork, StateUnreachable
from ductile.store.sqlite.lock import StateLock

LOCAL = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"


def test_a_second_gateway_is_refused_and_told_which_process_has_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with StateLock(path), pytest.raises(StateLocked, match=f"process {os.getpid()}"):
        StateLock(path).acquire()
    with StateLock(path):
        pass


def test_the_instance_stays_with_the_lock_file(tmp_path: Path) -> None:
    path = tmp_path / "data" / "state.db"
    with StateLock(path) as first:
        pass
    with StateLock(path) as second:
        assert second.instance == first.instance
    for name in ("state.db.lock", "state.db.instance"):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600


def test_a_copied_folder_is_an_instance_of_its_own(tmp_path: Path) -> None:
    with StateLock(tmp_path / "one" / "state.db") as original:
        shutil.copytree(tmp_path / "one", tmp_path / "two")
    with StateLock(tmp_path / "two" / "state.db") as copy:
        assert copy.instance != original.instance
    with StateLock(tmp_path / "two" / "state.db") as again:
        assert again.instance == copy.instance


def test_a_damaged_instance_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "state.db.instance").write_text("{")
    with StateLock(tmp_path / "state.db") as lock:
        assert len(lock.instance) == 36


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str) -> None:
    table = LOCAL + f"23 22 0:50 / {tmp_path} rw - {kind} server:/x rw\n"
    with pytest.raises(StateOnNetwork, match=kind):
        StateLock(tmp_path / "state.db", mounts=lambda: table).acquire()


def test_a_local_disk_mounted_inside_a_network_one_is_fine(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    escaped = str(folder).replace(" ", "\\040")
    table = LOCAL + f"23 22 0:50 / {tmp_path} rw - nfs server:/x rw\n24 23 8:2 / {escaped} rw - ext4 /dev/sdb1 rw\n"
    with StateLock(folder / "state.db", mounts=lambda: table):
        pass


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnreachable, match=r"state\.path"):
        StateLock(tmp_path / "file" / "state.db").acquire()
