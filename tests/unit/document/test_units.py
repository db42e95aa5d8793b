import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.document.units import duration, format_duration, size

UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("500ms", 500),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1.5h", 5_400_000),
        ("2d", 172_800_000),
        ("1w", 604_800_000),
        ("hourly", 3_600_000),
        ("daily", 86_400_000),
        ("weekly", 604_800_000),
        ("monthly", 30 * 86_400_000),
        ("0s", 0),
        (0, 0),
        ("0", 0),
    ],
)
def test_a_duration_is_milliseconds(text: str | int, millis: int) -> None:
    assert duration(text) == millis


@pytest.mark.parametrize("text", [30, "30", 1.5])
def test_a_number_without_a_unit_is_refused_and_told_to_add_one(text: object) -> None:
    with pytest.raises(ValueError, match="has no unit; write it as a duration such as"):
        duration(text)


@pytest.mark.parametrize(
    "text", ["", "5 m", "5x", "-5s", "s", "1h30", "5M", "٣s", "1e3s", None, True, [], {}, "1" * 400 + "s", "5minutes"]
)
def test_what_is_no_duration_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="is no duration; write one such as"):
        duration(text)


def test_a_duration_has_an_upper_bound() -> None:
    with pytest.raises(ValueError, match="longer than 100 years"):
        duration("9999999999w")


@given(st.lists(st.sampled_from(sorted(UNITS)), min_size=1, unique=True), st.data())
def test_the_parts_of_a_duration_add_up(units: list[str], data: st.DataObject) -> None:
    parts = [(data.draw(st.integers(0, 99)), unit) for unit in units]
    text = "".join(f"{count}{unit}" for count, unit in parts)
    assert duration(text) == sum(count * UNITS[unit] for count, unit in parts)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans()))
def test_any_value_is_a_duration_or_is_refused_with_a_sentence(value: object) -> None:
    try:
        outcome = str(duration(value))
    except ValueError as error:
        outcome = str(error)
    assert outcome.isdecimal() or " is no duration; " in outcome or " has no unit; " in outcome


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (1024, 1024),
        ("1024", 1024),
        ("64KB", 65_536),
        ("64 KB", 65_536),
        ("1mb", 1_048_576),
        ("2GB", 2**31),
        (0, 0),
        ("7B", 7),
    ],
)
def test_a_size_is_bytes_and_a_kilobyte_has_1024(text: str | int, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "1.5MB", "-1", -1, 1.5, None, True, "1TB", "KB", "٣", "9" * 60, 2**60, []])
def test_what_is_no_size_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="is no size; write bytes such as"):
        size(text)


@pytest.mark.parametrize(
    ("millis", "text"),
    [(0, "0"), (1, "1ms"), (1_500, "1s500ms"), (60_000, "1m"), (5_400_000, "1h30m"), (90_061_001, "1d1h1m1s1ms")],
)
def test_a_length_of_time_is_written_so_that_it_reads_the_same(millis: int, text: str) -> None:
    assert format_duration(millis) == text
    assert duration(text) == millis
