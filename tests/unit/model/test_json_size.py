"""The values of a JSON text are counted as its commas, colons and opening brackets outside of texts."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ductile.model import json_size
from ductile.model.json_size import holds_more_values

texts = st.text() | st.text(alphabet='\\",:[{a')
values = st.recursive(
    st.none() | st.integers() | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30
)


def marks(value: Any) -> int:
    """Counted on the value itself."""
    if isinstance(value, list):
        return 1 + max(0, len(value) - 1) + sum(map(marks, value))
    if isinstance(value, dict):
        return 1 + max(0, len(value) - 1) + len(value) + sum(map(marks, value.values()))
    return 0


@given(values, st.integers(1, 9))
@example(":", 1)
def test_the_count_is_that_of_the_value_whatever_stands_in_its_texts(value: Any, piece: int) -> None:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_size, "_SLICE_BYTES", piece)
        assert not holds_more_values(text, marks(value))
        if marks(value):
            assert holds_more_values(text, marks(value) - 1)


def test_a_text_full_of_commas_is_one_value() -> None:
    assert not holds_more_values(json.dumps({"result": "a,b,[c]\n" * 500_000}).encode(), 10)


@pytest.mark.parametrize("dense", [b"[" * 100, b"1," * 100, b'"a":' * 100, b'"",' * 100])
def test_what_is_no_json_is_counted_as_well(dense: bytes) -> None:
    assert holds_more_values(dense, 90)
