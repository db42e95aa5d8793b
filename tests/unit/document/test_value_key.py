"""Equal bytes are equal values, and only those."""

from types import MappingProxyType

from ductile.document.value_key import restore_value, value_key


def test_a_value_comes_back_as_it_was() -> None:
    value = {"a": [1, 1.0, True, None, "half \ud800", 2**70, float("inf")], "b": {"a": "a"}}

    text = value_key(value)

    assert text is not None
    assert repr(restore_value(text)) == repr(value)


def test_the_same_content_gives_the_same_bytes_wherever_its_parts_come_from() -> None:
    shared = ["x" * 3]

    assert value_key([shared, shared]) == value_key([["xxx"], ["xxxx"[1:]]])


def test_what_is_no_json_or_nests_without_end_has_no_content() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]

    assert value_key(MappingProxyType({})) is None
    assert value_key(deep) is None
    assert value_key(object()) is None
