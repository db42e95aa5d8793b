"""JSON from outside: whole numbers are exact or refused, and everything else is as orjson reads it."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.model.json_reader import read_json

MOST, LEAST = 2**64 - 1, -(2**63)
LARGE = "12345678901234567890123"
values = st.recursive(
    st.none() | st.booleans() | st.integers(LEAST, MOST) | st.text() | st.sampled_from([LARGE, f'"{LARGE}\\']),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_what_fits_is_read_exactly(value: Any) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_json(orjson.dumps(value)) == value


@given(values, st.integers(MOST + 1, 10**60) | st.integers(-(10**60), LEAST - 1))
def test_a_number_that_does_not_fit_is_refused_wherever_it_stands(value: Any, number: int) -> None:
    text = json.dumps({"a": value, "b": [0, number]}, ensure_ascii=False)
    with pytest.raises(orjson.JSONDecodeError, match="does not fit into 64 bits") as caught:
        read_json(text.encode())
    assert caught.value.pos == text.rindex(str(number))


@pytest.mark.parametrize("text", [f"[{LARGE}.5]", f"[{LARGE}e2, {LARGE}E-3]", f"[0.{LARGE}]", f"[1.5e-{'0' * 30}1]"])
def test_other_numbers_are_doubles_as_usual(text: str) -> None:
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize("text", ["{", f"[{LARGE}", '{"a": tru}', "NaN", "[1e999]", ""])
def test_what_is_no_json_is_told_as_before(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError) as ours:
        read_json(text)
    with pytest.raises(orjson.JSONDecodeError) as theirs:
        orjson.loads(text)
    assert (ours.value.msg, ours.value.pos) == (theirs.value.msg, theirs.value.pos)
