from ductile.document.merge import merge
from ductile.document.read import Document, read_text


def layers(first: str, second: str) -> Document:
    return merge(read_text(first, file="a.yaml"), read_text(second, file="b.yaml"))


def test_maps_merge_lists_append_and_of_scalars_the_later_wins() -> None:
    merged = layers("s: {a: 1, b: 2}\nl: [1]\nx: 1\n", "s: {b: 3, c: 4}\nl: [2]\ny: 2\n")
    assert merged.value == {"s": {"a": 1, "b": 3, "c": 4}, "l": [1, 2], "x": 1, "y": 2}


def test_marks_follow_the_values() -> None:
    merged = layers("s: {a: 1, b: 2}\nl: [1]\n", "\ns: {b: 3}\nl: [2]\n")
    assert str(merged.marks.of(("s", "a"))) == "a.yaml:1:8"
    assert str(merged.marks.of(("s", "b"))) == "b.yaml:2:8"
    assert str(merged.marks.of(("l", 0))) == "a.yaml:2:5"
    assert str(merged.marks.of(("l", 1))) == "b.yaml:3:5"


def test_the_layers_themselves_stay_as_they_were() -> None:
    first, second = read_text("s: {l: [1]}\n", file="a.yaml"), read_text("s: {l: [2]}\n", file="b.yaml")
    merge(first, second)
    assert first.value == {"s": {"l": [1]}}
    assert second.value == {"s": {"l": [2]}}
    assert first.marks.knows(("s", "l", 0))
    assert not first.marks.knows(("s", "l", 1))


def test_an_empty_section_takes_nothing_away() -> None:
    assert layers("s: {a: 1}\nl: [1]\nx: 1\n", "s:\nl:\nx:\n").value == {"s": {"a": 1}, "l": [1], "x": None}


def test_where_kinds_differ_the_later_wins_with_its_mark() -> None:
    merged = layers("s: {a: 1}\n", "s: [1]\n")
    assert merged.value == {"s": [1]}
    assert merged.marks.of(("s", 0)).file == "b.yaml"


def test_problems_of_both_are_kept() -> None:
    assert [problem.code for problem in layers("a: [\n", "b: {c: 1, c: 2}\n").problems] == ["yaml", "duplicate_key"]
