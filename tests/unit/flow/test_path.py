"""Paths into JSON values, and what is wrong with them."""

from typing import Any

import pytest

from ductile.flow.json_value import MISSING
from ductile.flow.path import path_fault, segments, value_at

ROOTS = ("payload", "context")


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("payload", ["payload"]),
        ("payload.items.0", ["payload", "items", "0"]),
        ('payload["app.io/name"]', ["payload", "app.io/name"]),
        ('payload["a.b"].c["d.e"][0].f', ["payload", "a.b", "c", "d.e", "0", "f"]),
        ('payload["say \\"hi\\" [x].{y}"]', ["payload", 'say "hi" [x].{y}']),
        ('payload["\\u00e9\\n"]', ["payload", "é\n"]),
        ('payload[""]', ["payload", ""]),
        ("payload.rows[12][3]", ["payload", "rows", "12", "3"]),
        ('["app.io/name"].x', ["app.io/name", "x"]),
    ],
)
def test_a_path_has_these_parts(path: str, parts: list[str]) -> None:
    assert list(segments(path)) == parts
    if parts[0] == "payload":
        assert path_fault(path, ROOTS) is None


@pytest.mark.parametrize(
    "path",
    [
        "payload.a[x].b",
        'payload.a["b',
        "payload.a['b.c']",
        'payload.say"x"',
        "payload.a[].b",
        "payload.a[-1]",
        'payload.["a"]',
        'payload["a"]b',
        'payload["\\x"].c',
        "payload.a[0]b.c",
    ],
)
def test_a_bracket_that_holds_no_name_is_read_as_it_always_was(path: str) -> None:
    assert list(segments(path)) == path.split(".")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("payload.a[x]", "`[` at character 10"),
        ('payload["a.b', "`[` at character 8"),
        ("payload['a.b']", "`[` at character 8"),
        ('payload.["a"]', "`[` at character 9"),
        ('payload["a"]b', "`[` at character 8"),
        ('payload["a.b"].c[', "`[` at character 17"),
        ('payload["a.b"][', "`[` at character 15"),
        ('payload["a.b"][x].c', "`[` at character 15"),
        ('payload[0]["a', "`[` at character 11"),
        ('payload["\\ud800"]', "`[` at character 8"),
        ("payload.a..b", "at character 11 a name must stand"),
        ('payload["a.b"].', "at character 16 a name must stand"),
        ("payload. a", "at character 9 a name must stand"),
        ('["payload"].a', "must begin with `payload.…`"),
        ('paylod["a.b"]', "did you mean `payload`"),
        (["payload"], "must be a path"),
    ],
)
def test_what_is_wrong_with_a_path_is_said_with_its_place(path: Any, words: str) -> None:
    assert words in (path_fault(path, ROOTS) or "")


def test_a_path_in_brackets_leads_to_the_value() -> None:
    roots = {"payload": {"app.io/name": "web", "rows": [[1, {"a.b": 2}]], "0": "zero"}}
    assert value_at('payload["app.io/name"]', roots) == "web"
    assert value_at('payload.rows[0][1]["a.b"]', roots) == 2
    assert value_at("payload[0]", roots) == "zero"
    assert value_at("payload.app.io/name", roots) is MISSING
    assert value_at('payload.rows["a.b"]', roots) is MISSING
