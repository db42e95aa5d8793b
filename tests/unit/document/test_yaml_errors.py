import pytest

from ductile.document.read import read_text

CASES = [
    (
        "plugins:\n  fetch: {}\n   echo:\n    enabled: true\n",
        "3:4",
        "`echo:` is indented 3 columns, its siblings above 2: align it with them",
    ),
    (
        "plugins:\n  echo:\n    enabled: true\n   other:\n    x: 1\n",
        "4:4",
        "`other:` is indented 3 columns, its siblings above 2",
    ),
    ("a:\n    b: 1\n    c: 2\n  d: 3\n", "4:3", "`d:` is indented 2 columns"),
    ("a:\n  b: 1\n    c: 2\n", "3:5", "`c:` is indented 4 columns, its siblings above 2"),
    ("l:\n  - a: 1\n     b: 2\n", "3:6", "`b:` is indented 5 columns, its siblings above 4"),
    ("l:\n  - a\n - b\n", "3:2", "`- b` is indented 1 column,"),
    ("  a: 1\nb: 2\n", "2:1", "`b:` is indented 0 columns, its siblings above 2"),
    ("steps:\n  - uses: a\n  with: {}\n", "3:3", "`with:` stands in the column of the `-` above: indent it by 2 more"),
    ("a: 1\n- b\n", "2:1", "a list entry cannot stand among keys"),
    ("a:\n\tb: 1\n", "2:1", "this line is indented with a tab; indent with spaces"),
    ("a:\n  b: 1\n  \tc: 2\n", "3:3", "indented with a tab"),
    ('a: "x\nb: 2\n', "1:4", "the quote that opens here is never closed"),
    ("a: 'it's'\n", "1:8", "text goes on behind the closing quote"),
    ('a: "C:\\path"\n', "1:7", "a backslash in double quotes starts an escape"),
    ("a: [1, 2\nb: 3\n", "1:4", "the `[` that opens here is not closed: `,` or `]` is missing before line 2, column 2"),
    ("a: [\n", "2:1", "the text ends, and a `[` or `{` is not closed"),
    ("a: 1\nb: {c: [1,\n", "3:1", "the text ends, and a `[` or `{` is not closed"),
    ("a: {b: 1\nc: 3\n", "1:4", "the `{` that opens here is not closed"),
    ("a: [1, ${B}]\n", "1:8", "inside `[ ]` and `{ }` a `${…}` needs quotes around the value"),
    ("a: [1, 2]]\n", "1:10", "this `]` closes nothing"),
    ("a: b: c\n", "1:5", "a plain value cannot contain `: `; put quotes around the whole value"),
    ("a: 1\nb:2\nc: 3\n", "2:3", "a space is missing behind `b:`"),
    ("a:1\nb: 2\n", "1:3", "a space is missing behind `a:`"),
    ("a: b\nc\n", "2:1", "this is neither `key: value` nor a list entry"),
    ("a: *.yaml\n", "1:4", "a plain value cannot start with `*`; put quotes around it"),
    ("a: @x\n", "1:4", "a plain value cannot start with `@`"),
    ("a: %x\n", "1:4", "a plain value cannot start with `%`"),
    ("a: - b\n", "1:4", "a list entry `- ` cannot stand here"),
    ("a: 1\nb: \x01\n", "2:4", "the character U+0001 is not allowed in YAML"),
    ("a: >x\n", "1:4", "behind `|` or `>` text starts on the next line"),
    ("%a: 1\n", "1:1", "cannot start with `%`"),
    ("a: &x &y b\n", "1:7", "while parsing a block mapping"),
]


@pytest.mark.parametrize(("text", "place", "words"), CASES)
def test_a_syntax_error_is_one_problem_with_its_place_and_an_explanation(text: str, place: str, words: str) -> None:
    document = read_text(text, file="x.yaml")
    (problem,) = document.problems
    assert str(problem).startswith(f"x.yaml:{place}: error[yaml]: ")
    assert words in problem.message
    assert document.value == {}
