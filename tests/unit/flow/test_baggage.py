"""`baggage`: claims, accretion, and what may never change."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.flow.baggage import MAX_LEVELS, apply_claims, check_baggage, parse_claims
from ductile.flow.errors import BaggageError
from ductile.flow.json_value import json_equal
from ductile.model.graph import Claim

BULK = {"from": "payload.meta", "namespace": "whisper"}


def claim_all(raw: Any, payload: Any, context: Any) -> Any:
    assert check_baggage(raw) == ()
    before = copy.deepcopy(context)
    after = apply_claims(parse_claims(raw), payload, context)
    assert context == before
    return after


@pytest.mark.parametrize(
    ("raw", "payload", "context", "expected"),
    [
        ({"a": "payload.x"}, {"x": 1}, {}, {"a": 1}),
        ({"a.b": "payload.x", "a.c": "payload.y"}, {"x": 1, "y": 2}, {}, {"a": {"b": 1, "c": 2}}),
        ({"a.c": "payload.x"}, {"x": 1}, {"a": {"b": 0}}, {"a": {"b": 0, "c": 1}}),
        ({"a": "payload.x"}, {"x": None}, {}, {"a": None}),
        ({'["a.b"].c': 'payload["x.y"]'}, {"x.y": 1}, {}, {"a.b": {"c": 1}}),
        ({"a": 'context["b.c"]'}, {}, {"b.c": 2}, {"a": 2, "b.c": 2}),
        ({"b": "context.a"}, {}, {"a": {"z": 1}}, {"a": {"z": 1}, "b": {"z": 1}}),
        ({"a": "payload.x.0"}, {"x": [5]}, {}, {"a": 5}),
        ({"a": "payload.o"}, {"o": {"p": 1, "q": 2}}, {"a": {"p": 1}}, {"a": {"p": 1, "q": 2}}),
        (BULK, {"meta": {"lang": "en", "n": 1}}, {}, {"whisper": {"lang": "en", "n": 1}}),
        (BULK, {"meta": {}}, {}, {"whisper": {}}),
        ({**BULK, "other": "payload.x"}, {"meta": {"l": 1}, "x": 2}, {}, {"other": 2, "whisper": {"l": 1}}),
        ({"all": "payload"}, {"x": 1}, {}, {"all": {"x": 1}}),
    ],
)
def test_claims_accrete(raw: Any, payload: Any, context: Any, expected: Any) -> None:
    assert claim_all(raw, payload, context) == expected


@pytest.mark.parametrize("payload", [{"x": 1}, {"x": 1.0}])
def test_the_same_value_again_is_fine_and_gives_the_very_same_context(payload: Any) -> None:
    context = {"a": {"b": 1}}
    assert claim_all({"a.b": "payload.x"}, payload, context) is context


def test_no_claims_give_the_very_same_context() -> None:
    context = {"a": 1}
    assert apply_claims((), {"x": 1}, context) is context


def test_claims_do_not_see_each_other() -> None:
    with pytest.raises(BaggageError, match=r"nothing at `context\.a`"):
        claim_all({"a": "payload.x", "b": "context.a"}, {"x": 1}, {})


@pytest.mark.parametrize(
    ("raw", "payload", "context"),
    [
        ({"a": "payload.x"}, {"x": 2}, {"a": 1}),
        ({"a": "payload.x"}, {"x": True}, {"a": 1}),
        ({"a": "payload.x"}, {"x": "1"}, {"a": 1}),
        ({"a.b": "payload.x"}, {"x": 1}, {"a": 1}),
        ({"a": "payload.x"}, {"x": 1}, {"a": {"b": 1}}),
        ({"a": "payload.x"}, {"x": {"b": 2}}, {"a": {"b": 1}}),
        ({"a": "payload.x"}, {"x": [1, 2]}, {"a": [1]}),
        (BULK, {"meta": {"lang": "en"}}, {"whisper": {"lang": "de"}}),
    ],
)
def test_what_was_claimed_never_changes(raw: Any, payload: Any, context: Any) -> None:
    with pytest.raises(BaggageError, match="earlier step claimed"):
        claim_all(raw, payload, context)


def test_a_missing_source_is_an_error_that_names_it() -> None:
    with pytest.raises(BaggageError, match=r"`baggage\.a\.b`: there is nothing at `payload\.gone`"):
        claim_all({"a.b": "payload.gone"}, {}, {})


def test_a_bulk_source_must_be_an_object() -> None:
    with pytest.raises(BaggageError, match="must lead to an object"):
        claim_all(BULK, {"meta": [1]}, {})


def test_merging_stops_at_a_depth() -> None:
    def deep(last: Any) -> Any:
        value = last
        for _ in range(MAX_LEVELS + 2):
            value = {"a": value}
        return value

    with pytest.raises(BaggageError, match="nest deeper"):
        claim_all({"t": "payload"}, deep({"new": 1}), {"t": deep({})})


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({"a": "x"}, ("a",), "must begin with"),
        ({"a": "config.x"}, ("a",), "must begin with"),
        ({"a": 3}, ("a",), "must be a path"),
        ({'["a.b': "payload.x"}, ('["a.b',), "no durable path"),
        ({'["ductile_x"]': "payload.x"}, ('["ductile_x"]',), "the gateway's own"),
        ({"a": 'payload["x'}, ("a",), "`[` at character 8"),
        ({"a..b": "payload.x"}, ("a..b",), "no durable path"),
        ({".a": "payload.x"}, (".a",), "no durable path"),
        ({"": "payload.x"}, ("",), "no durable path"),
        ({3: "payload.x"}, ("3",), "must be text"),
        ({"ductile_plugin": "payload.x"}, ("ductile_plugin",), "gateway's own"),
        ({"from": "payload.x"}, ("from",), "needs a `namespace`"),
        ({"namespace": "x"}, ("namespace",), "needs a `from`"),
        ({"from": "x", "namespace": "n"}, ("from",), "must begin with"),
        ({"from": "payload.x", "namespace": None}, ("namespace",), "must be text"),
        ({"a": "payload.x", "a.b": "payload.y"}, ("a.b",), "overlap"),
        ({"a.b.c": "payload.x", "a": "payload.y"}, ("a.b.c",), "overlap"),
        ({"from": "payload.x", "namespace": "n", "n.a": "payload.y"}, ("n.a",), "overlap"),
        ({"from": "payload.x", "namespace": "n", "n": "payload.y"}, ("n",), "overlap"),
    ],
)
def test_a_bad_claim_is_found_at_load(raw: Any, path: Any, words: Any) -> None:
    (problem,) = check_baggage(raw, ("baggage",))
    assert problem.path == ("baggage", *path)
    assert words in problem.message


def test_names_that_only_begin_alike_do_not_overlap() -> None:
    assert check_baggage({"a.b": "payload.x", "a.bc": "payload.y", "ab": "payload.z"}) == ()


NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def leaves(value: Any, at: Any = ()) -> Any:
    if isinstance(value, dict) and value:
        return {path: leaf for key, one in value.items() for path, leaf in leaves(one, (*at, key)).items()}
    return {at: value}


@given(st.lists(st.tuples(TARGETS, VALUES), max_size=6))
def test_baggage_only_ever_grows(steps: Any) -> None:
    context = {}
    for target, value in steps:
        before = leaves(context)
        try:
            after = apply_claims((Claim(target=target, source="payload.v"),), {"v": value}, context)
        except BaggageError:
            continue
        kept = leaves(after)
        for path, leaf in before.items():
            if leaf != {}:
                assert json_equal(kept[path], leaf)
        assert apply_claims((Claim(target=target, source="payload.v"),), {"v": value}, after) is after
        context = after
