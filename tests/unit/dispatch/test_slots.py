"""Slots: claims on their way and running attempts never take more than there are."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import snapshot

from ductile.dispatch.slots import Slots
from ductile.model.snapshot import Snapshot


@pytest.fixture
def config(tmp_path: Path) -> Snapshot:
    """Three slots in all, two of them for `echo`."""
    made = snapshot(tmp_path)
    echo = replace(made.plugins["echo"], parallelism=2)
    other = replace(made.plugins["echo"], name="other", parallelism=5)
    return replace(
        made, service=replace(made.service, max_workers=3), plugins={**made.plugins, "echo": echo, "other": other}
    )


def test_reserved_slots_are_not_reserved_again(config: Snapshot) -> None:
    slots = Slots(lambda: None)
    first = slots.reserve(config, ["echo"], 512)
    assert first is not None
    assert (dict(first.lanes), first.total) == ({"echo": 2}, 2)
    assert slots.reserve(config, ["echo"], 512) is None
    second = slots.reserve(config, ["echo", "other"], 512)
    assert second is not None
    assert (dict(second.lanes), second.total) == ({"other": 5}, 1)
    assert slots.reserve(config, ["other"], 512) is None


def test_what_a_claim_has_not_taken_is_free_again(config: Snapshot) -> None:
    slots = Slots(lambda: None)
    reservation = slots.reserve(config, ["echo"], 512)
    assert reservation is not None
    slots.release(reservation)
    slots.take("echo")
    again = slots.reserve(config, ["echo", "other"], 512)
    assert again is not None
    assert (dict(again.lanes), again.total) == ({"echo": 1, "other": 5}, 2)


def test_a_slot_is_given_back_once(config: Snapshot) -> None:
    left: list[int] = []
    slots = Slots(lambda: left.append(1))
    slot = slots.take("echo")
    slots.take("echo")
    slot.release()
    slot.release()
    assert left == [1]
    reservation = slots.reserve(config, ["echo"], 512)
    assert reservation is not None
    assert dict(reservation.lanes) == {"echo": 1}


def test_a_claim_takes_no_more_than_asked(config: Snapshot) -> None:
    slots = Slots(lambda: None)
    reservation = slots.reserve(config, ["other"], 2)
    assert reservation is not None
    assert reservation.total == 2
