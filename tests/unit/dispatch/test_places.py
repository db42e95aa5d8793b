"""Places: never more than there are, whatever is on its way."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.dispatch import snapshot

from ductile.dispatch.places import Places
from ductile.model.snapshot import Snapshot


@pytest.fixture
def config(tmp_path: Path) -> Snapshot:
    """Three places in all, two of them for `echo`."""
    made = snapshot(tmp_path)
    echo = replace(made.plugins["echo"], parallelism=2)
    other = replace(made.plugins["echo"], name="other", parallelism=5)
    return replace(
        made, service=replace(made.service, max_workers=3), plugins={**made.plugins, "echo": echo, "other": other}
    )


def test_what_is_promised_is_not_promised_again(config: Snapshot) -> None:
    places = Places(lambda: None)
    first = places.promise(config, ["echo"], 512)
    assert first is not None
    assert (dict(first.lanes), first.total) == ({"echo": 2}, 2)
    assert places.promise(config, ["echo"], 512) is None
    second = places.promise(config, ["echo", "other"], 512)
    assert second is not None
    assert (dict(second.lanes), second.total) == ({"other": 5}, 1)
    assert places.promise(config, ["other"], 512) is None


def test_what_a_claim_has_not_taken_is_free_again(config: Snapshot) -> None:
    places = Places(lambda: None)
    promise = places.promise(config, ["echo"], 512)
    assert promise is not None
    places.redeem(promise)
    places.take("echo")
    again = places.promise(config, ["echo", "other"], 512)
    assert again is not None
    assert (dict(again.lanes), again.total) == ({"echo": 1, "other": 5}, 2)


def test_a_place_is_given_back_once(config: Snapshot) -> None:
    left: list[int] = []
    places = Places(lambda: left.append(1))
    place = places.take("echo")
    places.take("echo")
    place.leave()
    place.leave()
    assert left == [1]
    promise = places.promise(config, ["echo"], 512)
    assert promise is not None
    assert dict(promise.lanes) == {"echo": 1}


def test_a_claim_takes_no_more_than_asked(config: Snapshot) -> None:
    places = Places(lambda: None)
    promise = places.promise(config, ["other"], 2)
    assert promise is not None
    assert promise.total == 2
