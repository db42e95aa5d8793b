"""When there is too little room for new work, and when there is enough again."""

from pathlib import Path

import pytest

from ductile.model.disk_space import DiskSpace
from ductile.store.sqlite.disk_space import measure_disk_space

MIB = 1024 * 1024


def room(used: int = 0, free: int = 1000 * MIB) -> DiskSpace:
    return DiskSpace(used=used, free=free, margin=64 * MIB)


@pytest.mark.parametrize(
    ("used", "before", "short"), [(100, False, False), (101, False, True), (91, True, True), (90, True, False)]
)
def test_a_limit_lets_go_only_well_below_itself(used: int, *, before: bool, short: bool) -> None:
    assert (room(used=used).shortage(100, before=before) is not None) is short


@pytest.mark.parametrize(
    ("free", "before", "short"), [(64, False, False), (63, False, True), (127, True, True), (128, True, False)]
)
def test_free_space_must_be_twice_the_margin_to_let_work_in_again(free: int, *, before: bool, short: bool) -> None:
    assert (room(free=free * MIB).shortage(None, before=before) is not None) is short


def test_without_a_limit_the_size_is_nothing() -> None:
    assert room(used=10**15).shortage(None, before=True) is None


def test_a_log_counts_and_one_that_is_not_there_does_not(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    assert measure_disk_space(path, 7).used == 7
    (tmp_path / "state.db-wal").write_bytes(b"x" * 5)
    found = measure_disk_space(path, 7)
    assert found.used == 12
    assert 0 < found.margin <= 64 * MIB
