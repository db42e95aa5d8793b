import asyncio
import threading
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from support.web import SECRET, snapshot

from ductile.http.document_cache import DocumentCache, encode_representation, matches_etag
from ductile.model.snapshot import Snapshot


def test_a_tag_names_generation_configuration_and_bytes() -> None:
    base = snapshot()
    tags = {
        encode_representation(one, content).etag
        for one in (base, replace(base, generation=2), replace(base, config_hash="other"))
        for content in ({"a": 1}, {"a": 2})
    }
    assert len(tags) == 6
    assert encode_representation(base, {"a": 1}) == encode_representation(snapshot(), {"a": 1})


def test_secrets_are_in_no_document_of_any_kind() -> None:
    assert encode_representation(snapshot(), {SECRET: [SECRET]}).body == b'{"[REDACTED]":["[REDACTED]"]}'
    assert encode_representation(snapshot(), f"# {SECRET}", "text/markdown").body == b"# [REDACTED]"


async def test_a_document_is_built_once_a_generation_for_all_it_is_built_from() -> None:
    built: list[tuple[int, tuple[str, ...]]] = []

    def build(of: Snapshot, *given: str) -> Any:
        built.append((of.generation, given))
        return [of.generation, *given]

    documents, one = DocumentCache(), snapshot()
    two = replace(one, generation=2)
    for of, given in ((one, ()), (one, ("x",)), (one, ()), (one, ("x",)), (two, ()), (two, ()), (one, ())):
        assert orjson.loads((await documents.get(of, build, *given)).body) == [of.generation, *given]
    assert built == [(1, ()), (1, ("x",)), (2, ()), (1, ())]


async def test_who_asks_at_once_gets_what_is_built_once() -> None:
    began, go = threading.Event(), threading.Event()
    built: list[int] = []

    def build(of: Snapshot) -> Any:
        built.append(of.generation)
        began.set()
        assert go.wait(20)
        return {}

    documents, one = DocumentCache(), snapshot()
    asked = [asyncio.create_task(documents.get(one, build)) for _ in range(3)]
    assert await asyncio.to_thread(began.wait, 20)
    asked[0].cancel()
    go.set()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError)
    assert ends[1] == ends[2]
    assert built == [1]


async def test_what_could_not_be_built_is_tried_again() -> None:
    outcomes: list[Any] = [ValueError("no"), {"a": 1}]

    def build(_: Snapshot) -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    documents, one = DocumentCache(), snapshot()
    with pytest.raises(ValueError, match="no"):
        await documents.get(one, build)
    assert (await documents.get(one, build)).body == b'{"a":1}'


@pytest.mark.parametrize("fields", [['"a"'], ['W/"a"'], ["*"], [" * "], ['"b"', '"a"'], ['"b,c","a"'], ['"b" ,W/"a",']])
def test_a_tag_that_is_named_is_known(fields: list[str]) -> None:
    assert matches_etag('"a"', fields)


@pytest.mark.parametrize(
    "fields", [[], [""], ["a"], ['"A"'], ['"aa"'], ['"a'], ['"*"'], ['*, "b"'], ['"b,a"'], ["\udcff"]]
)
def test_any_other_is_not(fields: list[str]) -> None:
    assert not matches_etag('"a"', fields)
