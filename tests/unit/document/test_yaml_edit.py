"""One value of a YAML text is changed, and every other character stays as it was."""

import difflib
from io import StringIO
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ductile.document.paths import APPEND
from ductile.document.problem import Path
from ductile.document.read import read_text
from ductile.document.yaml_edit import PAIR_REASON, CannotEdit, set_value, unset_value
from ductile.document.yaml_write import NewValue

CASES: dict[str, tuple[str, Path, NewValue, str]] = {
    "a scalar": ("a: 1 # one\nb: 2\n", ("a",), NewValue(5), "a: 5 # one\nb: 2\n"),
    "the quotes stay": ("a: 'x'\nb: \"x\"\n", ("a",), NewValue("it's"), "a: 'it''s'\nb: \"x\"\n"),
    "double quotes stay": ('a: "x"\n', ("a",), NewValue("y"), 'a: "y"\n'),
    "what was typed is what is written": ("a: 1\n", ("a",), NewValue(31, "0x1F"), "a: 0x1F\n"),
    "a typed list": ("a: 1\n", ("a",), NewValue([1, "b"], "[1, b]"), "a: [1, b]\n"),
    "a typed list of several lines": ("a: 1\n", ("a",), NewValue([1, "b"], "[1,\n b]"), 'a: [1, "b"]\n'),
    "text that looks like something else": ("a: 1\n", ("a",), NewValue("5"), 'a: "5"\n'),
    "a word of old readers": ("a: 1\n", ("a",), NewValue("yes"), 'a: "yes"\n'),
    "text in brackets": ("a: {b: 1}\n", ("a", "b"), NewValue("x, y]"), 'a: {b: "x, y]"}\n'),
    "nothing": ("a:   # todo\nb: 1\n", ("a",), NewValue("x"), "a: x   # todo\nb: 1\n"),
    "an empty entry": ("a:\n  -\n  - 2\n", ("a", 0), NewValue(1), "a:\n  - 1\n  - 2\n"),
    "a literal": ("a: |\n  x\n  y\n\nb: 1\n", ("a",), NewValue("z"), "a: z\n\nb: 1\n"),
    "a text of several lines": ("a: 1\n", ("a",), NewValue("x\ny"), 'a: "x\\ny"\n'),
    "a block becomes a scalar": ("a:  # old\n  b: 1\n  c: 2\nd: 3\n", ("a",), NewValue(5), "a: 5  # old\nd: 3\n"),
    "a list becomes a scalar": ("a:\n- b\n- c\nd: 3\n", ("a",), NewValue("x"), "a: x\nd: 3\n"),
    "an entry": ("a:\n- b: 1\n  c: 2\n- d\n", ("a", 0), NewValue("x"), "a:\n- x\n- d\n"),
    "an alias": ("a: &x 1\nb: *x\n", ("b",), NewValue(2), "a: &x 1\nb: 2\n"),
    "a new key": ("a:\n  b: 1  # one\n# end\n", ("a", "c"), NewValue(2), "a:\n  b: 1  # one\n  c: 2\n# end\n"),
    "a new key without a last newline": ("a: 1", ("b",), NewValue(2), "a: 1\nb: 2"),
    "a new key behind a block": (
        "a:\n  b:\n    - c\n\nd: 1\n",
        ("a", "e"),
        NewValue(2),
        "a:\n  b:\n    - c\n  e: 2\n\nd: 1\n",
    ),
    "a new key behind a literal": (
        "a:\n  b: |\n    x\n\nc: 1\n",
        ("a", "d"),
        NewValue(2),
        "a:\n  b: |\n    x\n  d: 2\n\nc: 1\n",
    ),
    "a new key in brackets": ("a: {b: 1} # c\n", ("a", "c"), NewValue("x: y"), 'a: {b: 1, c: "x: y"} # c\n'),
    "the first key": ("a:  # none yet\nb: 1\n", ("a", "c"), NewValue(2), "a:  # none yet\n  c: 2\nb: 1\n"),
    "the first key of an empty map": ("a: {}  # none\nb: 1\n", ("a", "c"), NewValue(2), "a:  # none\n  c: 2\nb: 1\n"),
    "the first key of nothing": ("a: ~\nb: 1\n", ("a", "c"), NewValue(2), "a:\n  c: 2\nb: 1\n"),
    "the first key of an entry": ("a:\n  -\n", ("a", 0, "c"), NewValue(2), "a:\n  - c: 2\n"),
    "in an empty map in brackets": ("a: {b: {}}\n", ("a", "b", "c"), NewValue(2), "a: {b: {c: 2}}\n"),
    "a path of new keys": (
        "s:\n    t:\n        u: 1\n",
        ("p", "echo", "timeouts", "poll"),
        NewValue("30s"),
        "s:\n    t:\n        u: 1\np:\n    echo:\n        timeouts:\n            poll: 30s\n",
    ),
    "a new list": ("a:\n  b:\n  - 1\n", ("c", APPEND), NewValue("x"), "a:\n  b:\n  - 1\nc:\n- x\n"),
    "a new list of maps": ("a: 1\n", ("c", APPEND, "every"), NewValue("5m"), "a: 1\nc:\n  - every: 5m\n"),
    "an append": (
        "a:\n  - 1  # one\n  # end\nb: 2\n",
        ("a", APPEND),
        NewValue(2),
        "a:\n  - 1  # one\n  - 2\n  # end\nb: 2\n",
    ),
    "an append in brackets": ("a: [1]\n", ("a", APPEND), NewValue(2), "a: [1, 2]\n"),
    "an append to nothing": ("a: []\n", ("a", APPEND), NewValue(2), "a:\n  - 2\n"),
    "an append behind a map": ("a:\n- b: 1\n  c: 2\n", ("a", APPEND), NewValue(2), "a:\n- b: 1\n  c: 2\n- 2\n"),
    "a key of an entry": ("a:\n  - b: 1\n", ("a", 0, "c"), NewValue(2), "a:\n  - b: 1\n    c: 2\n"),
    "an empty file": ("", ("a",), NewValue(1), "a: 1\n"),
    "a file of comments": ("# c", ("a", "b"), NewValue(1), "# c\na:\n  b: 1\n"),
    "a file in brackets": ('{"a": 1}\n', ("b",), NewValue("x"), '{"a": 1, b: x}\n'),
    "windows": ("a: 1\r\nb:\r\n  c: 2\r\n", ("b", "d"), NewValue(3), "a: 1\r\nb:\r\n  c: 2\r\n  d: 3\r\n"),
    "a key that needs quotes": ("a:\n  b: 1\n", ("a", "x: y"), NewValue(1), 'a:\n  b: 1\n  "x: y": 1\n'),
    "beyond the basic plane": ("a: 😀\nb: é # ü\n", ("b",), NewValue("😀"), "a: 😀\nb: 😀 # ü\n"),
    "a variable": ("a: 1\n", ("a",), NewValue("${X}"), "a: ${X}\n"),
    "a variable that stays text": ("a: 1\n", ("a",), NewValue("${X}", quoted=True), 'a: "${X}"\n'),
    "a key over a merged one": (
        "a: &a {x: 1}\nb:\n  <<: *a\n",
        ("b", "x"),
        NewValue(2),
        "a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_value_is_set(name: str) -> None:
    text, path, new, after = CASES[name]
    assert set_value(text, path, new) == after
    assert not read_text(after, file="").problems


UNSETS: dict[str, tuple[str, Path, str]] = {
    "a key": ("a: 1\nb: 2 # two\nc: 3\n", ("b",), "a: 1\nc: 3\n"),
    "a block": (
        "a:\n  b:\n    c: 1\n    # inside\n    d: 2\n  # after\n  e: 3\n",
        ("a", "b"),
        "a:\n  # after\n  e: 3\n",
    ),
    "the last of a map": ("a:\n  b: 1\nc: 2\n", ("a", "b"), "a: {}\nc: 2\n"),
    "the last of a list": ("a:\n  - 1\nc: 2\n", ("a", 0), "a: []\nc: 2\n"),
    "the last of a file": ("# c\na: 1\n", ("a",), "# c\n"),
    "the first of an entry": ("a:\n  - b: 1\n    c: 2\n", ("a", 0, "b"), "a:\n  - c: 2\n"),
    "an entry": ("a:\n  - 1\n  - b: 2\n    c: 3\n  - 4\n", ("a", 1), "a:\n  - 1\n  - 4\n"),
    "an entry of entries": ("a:\n- - 1\n  - 2\n", ("a", 0, 0), "a:\n- - 2\n"),
    "an entry below its dash": ("a:\n  -  # x - y\n    # z\n    b: 1\n  - 2\n", ("a", 0), "a:\n  - 2\n"),
    "in brackets": ("a: {b: 1, c: 2, d: 3}\n", ("a", "c"), "a: {b: 1, d: 3}\n"),
    "the last in brackets": ("a: [1, 2]\n", ("a", 1), "a: [1]\n"),
    "the only one in brackets": ("a: [1]\n", ("a", 0), "a: []\n"),
    "without a last newline": ("a: 1\nb: 2", ("b",), "a: 1\n"),
    "windows": ("a: 1\r\nb: 2\r\nc: 3\r\n", ("b",), "a: 1\r\nc: 3\r\n"),
    "a literal": ("a: |\n  x\n\n  y\n\nb: 1\n", ("a",), "\nb: 1\n"),
}


@pytest.mark.parametrize("name", UNSETS)
def test_a_value_is_unset(name: str) -> None:
    text, path, after = UNSETS[name]
    assert unset_value(text, path) == after


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("a: &x {b: 1}\nc: *x\n", ("c", "b"), "behind an alias"),
        ("a: 1\n", ("a", "b"), "no map"),
        ("a: {b: 1}\n", ("a", APPEND), "no list"),
        ("a: [1]\n", ("a", "b"), "no map"),
        ("~\n", ("a",), "`null`"),
        ("a: [b: 1]\n", ("a", 0, "c"), "without braces"),
    ],
)
def test_what_cannot_be_set_says_why(text: str, path: Path, reason: str) -> None:
    with pytest.raises(CannotEdit, match=reason):
        set_value(text, path, NewValue(1))


def test_a_pair_without_braces_is_left_to_people() -> None:
    with pytest.raises(CannotEdit, match="without braces"):
        unset_value("a: [b: {c: 1}]\n", ("a", 0, "b"))


def test_what_is_only_merged_in_cannot_be_unset() -> None:
    with pytest.raises(CannotEdit, match="merge key"):
        unset_value("a: &a {x: 1}\nb:\n  <<: *a\n", ("b", "x"))


KEYS = st.sampled_from(["a", "b", "key", "x-y", "ü", "5", "on", "with space", "a.b", "q'uote"])
WORDS = st.text("ab 1:#'\"[]{},-?&*!|>%@`~$\\é\n\t", max_size=8) | st.sampled_from(
    ["yes", "null", "1", "1e3", "- a", "a: b"]
)
SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


def dumped(value: Any, style: Any, draw_comment: Any) -> str:
    """The value as a person could have written it: some flow, some quotes, indented somehow, with comments."""
    yaml = YAML(typ="rt")
    flow, mapping, offset, newline = style
    yaml.default_flow_style = flow
    yaml.indent(mapping=mapping, sequence=offset + 2, offset=offset)
    yaml.width = 200
    stream = StringIO()
    yaml.dump(value, stream)
    lines = []
    for line in stream.getvalue().splitlines():
        if draw_comment() and not line.lstrip().startswith(("|", ">")):
            lines.append("# a comment")
        lines.append(line)
    return newline.join([*lines, ""])


def paths(value: Any, at: Path = ()) -> list[Path]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for part, member in members for path in paths(member, (*at, part)))]


def put(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        after = int(head) + 1
        return [*value[: int(head)], put(value[int(head)], rest, new), *value[after:]]
    return {**value, head: put(value[head], rest, new)}


def drop(value: Any, path: Path) -> Any:
    if len(path) > 1:
        return put(value, path[:1], drop(value[path[0]], path[1:]))
    if isinstance(value, list):
        return [member for index, member in enumerate(value) if index != path[0]]
    return {key: member for key, member in value.items() if key != path[0]}


STYLES = st.tuples(
    st.sampled_from([True, False, None]),
    st.sampled_from([2, 4]),
    st.sampled_from([0, 2]),
    st.sampled_from(["\n", "\r\n"]),
)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), document=DOCUMENTS, style=STYLES, new=SCALARS)
def test_a_change_changes_its_value_and_no_line_that_others_stand_on(
    data: st.DataObject, document: dict[str, Any], style: Any, new: Any
) -> None:
    text = dumped(document, style, lambda: data.draw(st.booleans()))
    before = read_text(text, file="")
    assume(not before.problems and before.value == document)
    path = data.draw(st.sampled_from(paths(document)[1:]))
    try:
        after = set_value(text, path, NewValue(new))
    except CannotEdit as error:
        assert error.reason == PAIR_REASON  # noqa: PT017 - the one form that is left to people
        return
    read = read_text(after, file="")
    assert not read.problems
    assert read.value == put(document, path, new)
    untouched(text, after, before.marks.of(path).line if document else 0, before.marks.key(path).line)


def untouched(text: str, after: str, line: int, key_line: int) -> None:
    """All lines before the value's key stand as they were, and what was changed is one piece."""
    old, new = text.split("\n"), after.split("\n")
    changes = [
        code for code in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes() if code[0] != "equal"
    ]
    assert all(start >= min(line, key_line) - 1 for _, start, _, _, _ in changes)
    if changes:
        rest = len(old) - changes[-1][2]
        assert rest == 0 or old[-rest:] == new[-rest:]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), document=DOCUMENTS, style=STYLES)
def test_an_unset_value_is_gone_and_the_others_are_not(
    data: st.DataObject, document: dict[str, Any], style: Any
) -> None:
    text = dumped(document, style, lambda: data.draw(st.booleans()))
    before = read_text(text, file="")
    assume(not before.problems and before.value == document)
    path = data.draw(st.sampled_from(paths(document)[1:]))
    try:
        after = unset_value(text, path)
    except CannotEdit as error:
        assert error.reason == PAIR_REASON  # noqa: PT017 - the one form that is left to people
        return
    read = read_text(after, file="")
    assert not read.problems
    assert read.value == drop(document, path)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), document=DOCUMENTS, style=STYLES, new=SCALARS, keys=st.lists(st.just(APPEND) | KEYS, max_size=2))
def test_an_added_value_is_there_and_every_old_line_is_too(
    data: st.DataObject, document: dict[str, Any], style: Any, new: Any, keys: list[str | int]
) -> None:
    text = dumped(document, style, lambda: data.draw(st.booleans()))
    before = read_text(text, file="")
    assume(not before.problems and before.value == document)
    at = data.draw(st.sampled_from(paths(document)))
    inside: Any = document
    for part in at:
        inside = inside[part]
    assume(inside is None or isinstance(inside, dict | list))
    first = APPEND if isinstance(inside, list) else "new"
    try:
        after = set_value(text, (*at, first, *keys), NewValue(new))
    except CannotEdit as error:
        assert error.reason == PAIR_REASON  # noqa: PT017 - the one form that is left to people
        return
    read = read_text(after, file="")
    assert not read.problems
    made: Any = new
    for part in reversed(keys):
        made = [made] if part == APPEND else {part: made}
    wanted = [*inside, made] if isinstance(inside, list) else {**(inside or {}), "new": made}
    assert read.value == put(document, at, wanted)
    if not style[0] and isinstance(inside, dict | list) and inside and style[0] is False:
        removed = [line for line in difflib.ndiff(text.split("\n"), after.split("\n")) if line.startswith("- ")]
        assert not [line for line in removed if line.strip("- \r")]
