"""Payloads that must still fit into an envelope."""

from typing import Any

import orjson
import pytest

from ductile.model.encode import ENVELOPE_LEVELS, MAX_PAYLOAD_LEVELS, Unencodable, encode


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def test_the_deepest_payload_still_fits_into_an_envelope() -> None:
    payload = encode(nested(MAX_PAYLOAD_LEVELS))
    envelope: Any = orjson.loads(payload)
    for _ in range(ENVELOPE_LEVELS):
        envelope = [envelope]
    assert orjson.dumps(envelope)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (nested(MAX_PAYLOAD_LEVELS + 1), "deeper than 200 levels"),
        (nested(1000), "deeper than 200 levels"),
        ({"n": 2**64}, "64-bit"),
        ({"s": "\ud800"}, "surrogates"),
    ],
)
def test_what_cannot_be_carried_on_says_why(value: Any, reason: str) -> None:
    with pytest.raises(Unencodable, match=reason):
        encode(value)


def test_a_wide_payload_is_no_deep_one() -> None:
    wide = {"rows": [{"n": [n]} for n in range(1000)]}
    assert orjson.loads(encode(wide)) == wide
