from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ductile.plugin.runner.output_buffer import HeadBuffer, HeadTailBuffer

LIMIT = 200


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    ends = [0, *accumulate(sizes), len(data)]
    return [data[start:end] for start, end in pairwise(ends)] if sizes else [data]


@given(st.binary(max_size=3 * LIMIT), st.lists(st.integers(1, 150)))
def test_capped_keeps_the_beginning_however_it_is_cut(data: bytes, sizes: list[int]) -> None:
    capped = HeadBuffer(LIMIT)
    chunks = cut(data, sizes)
    for chunk in chunks:
        capped.take(chunk)
    whole = b"".join(chunks)
    assert capped.release() == whole[:LIMIT]
    assert capped.overflowed is (len(whole) > LIMIT)


@given(st.binary(max_size=10 * LIMIT), st.lists(st.integers(1, 700)))
def test_ends_keeps_both_ends_however_it_is_cut(data: bytes, sizes: list[int]) -> None:
    ends = HeadTailBuffer(LIMIT)
    chunks = cut(data, sizes)
    for chunk in chunks:
        ends.take(chunk)
    whole = b"".join(chunks)
    value = ends.value()
    assert len(value) <= LIMIT
    if len(whole) <= LIMIT:
        assert value == whole
    else:
        assert value.startswith(whole[: LIMIT // 2])
        assert value.endswith(whole[-(LIMIT // 4 - 14) :])


def test_ends_keeps_the_end_however_much_came_before() -> None:
    ends, whole = HeadTailBuffer(200), b""
    for number in range(10_000):
        piece = f"{number} ".encode()
        ends.take(piece)
        whole += piece
        assert ends.value().endswith(whole[-36:])


def test_ends_says_how_much_is_missing() -> None:
    ends = HeadTailBuffer(200)
    for _ in range(1000):
        ends.take(b"0123456789")
    head, note, tail = ends.value().decode().split("\n")
    assert len(head) == 100
    assert note == f"[… {10_000 - 100 - len(tail)} bytes are left out here …]"
