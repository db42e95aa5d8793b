"""`with`: templates and literals."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.flow.errors import RemapError
from ductile.flow.template import MAX_LEVELS, check_template, check_with, escape_braces, remap_payload

PAYLOAD = {
    "n": 3,
    "s": "text",
    "o": {"a": [1, {"b": True}]},
    "none": None,
    "f": 1.5,
    "items": [{"name": "x"}],
    "a.b": {"c": 4, "} {": 5, 'q"': 6},
}
CONTEXT = {"web": {"url": "http://h"}}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{payload.n}", 3),
        ("{payload.o}", {"a": [1, {"b": True}]}),
        ("{payload.none}", None),
        ("{payload.items.0.name}", "x"),
        ("{context.web.url}", "http://h"),
        ('{payload["a.b"].c}', 4),
        ('{payload["a.b"]["} {"]}', 5),
        ('{{{payload["a.b"]["} {"]}}}', "{5}"),
        ('{payload["a.b"]["q\\""]} and {payload.items[0].name}', "6 and x"),
        ("{payload}", PAYLOAD),
        ("n is {payload.n}", "n is 3"),
        ("{payload.n}{payload.s}", "3text"),
        ("{payload.o}!", '{"a":[1,{"b":true}]}!'),
        ("<{payload.none}>", "<null>"),
        ("{payload.f} {context.web.url}", "1.5 http://h"),
        ("{{payload.n}}", "{payload.n}"),
        ("{{{payload.n}}}", "{3}"),
        ("plain", "plain"),
        ("", ""),
        (7, 7),
        (None, None),
        ([1, "{payload.n}"], [1, 3]),
        ({"deep": {"er": "{payload.s}!"}}, {"deep": {"er": "text!"}}),
    ],
)
def test_a_template_gives(template: Any, expected: Any) -> None:
    assert check_with({"k": template}) == ()
    found = remap_payload({"k": template}, PAYLOAD, CONTEXT)["k"]
    assert found == expected
    assert type(found) is type(expected)


def test_with_adds_and_overrides_top_level_keys_and_leaves_the_payload_alone() -> None:
    payload = {"a": 1, "b": 2}
    assert remap_payload({"a": "{payload.b}", "b": "{payload.a}", "c": 3}, payload, {}) == {"a": 2, "b": 1, "c": 3}
    assert payload == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{payload.gone}", "nothing at `payload.gone`"),
        ("x {payload.n.deeper}", "nothing at `payload.n.deeper`"),
        ("{payload.items.1}", "nothing at `payload.items.1`"),
        ("{context.gone}", "nothing at `context.gone`"),
        ("{payload.n", "no partner"),
    ],
)
def test_what_cannot_be_filled_names_the_key_and_the_path(template: Any, words: Any) -> None:
    with pytest.raises(RemapError) as caught:
        remap_payload({"message": template}, PAYLOAD, CONTEXT)
    assert "with.message" in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{payload.a", "no partner"),
        ("payload.a}", "no partner"),
        ("{}", "no path"),
        ("{config.a}", "must begin with"),
        ("{paylod.a}", "did you mean `payload`"),
        ("{ payload.a }", "no path"),
        ("{payload.a.}", "at character 11 a name must stand"),
        ('{payload["a.b}', "`[` at character 8"),
        ('{payload["a.b"}', "`[` at character 8"),
        ("{payload['a.b']}", "`[` at character 8"),
        ('{"json": 1}', "written twice"),
    ],
)
def test_a_malformed_template_is_found_at_load(template: Any, words: Any) -> None:
    assert words in check_template(template)
    (problem,) = check_with({"k": [{"deep": template}]}, ("with",))
    assert problem.path == ("with", "k", 0, "deep")


def test_values_that_json_cannot_carry_are_found_at_load() -> None:
    assert [problem.path for problem in check_with({"a": 2**80, "b": float("inf"), "c": "\ud800"})] == [
        ("c",),
        ("b",),
        ("a",),
    ]


def test_entries_nest_only_so_deep() -> None:
    value = "x"
    for _ in range(MAX_LEVELS + 1):
        value = [value]
    (problem,) = check_with({"k": value}, ("with",))
    assert "levels" in problem.message
    assert check_with({"k": value[0]}) == ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_a_pure_reference_keeps_value_and_type(value: Any) -> None:
    assert orjson.dumps(remap_payload({"k": "{payload.v}"}, {"v": value}, {})["k"]) == orjson.dumps(value)


@given(JSON)
def test_a_literal_comes_out_as_it_went_in(value: Any) -> None:
    template = escape_braces(value)
    assert check_with({"k": template}) == ()
    assert remap_payload({"k": template}, {}, {})["k"] == value


@given(st.text())
def test_a_template_either_fills_or_says_why_not(text: Any) -> None:
    if check_template(text) is None and "{" not in text.replace("{{", ""):
        assert isinstance(remap_payload({"k": text}, {}, {})["k"], str)
