import pytest

from ductile.model.clock import from_rfc3339, rfc3339


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2030-01-31T09:00:00Z", "2030-01-31T09:00:00.000Z"),
        ("2030-01-31t09:00:00.1239z", "2030-01-31T09:00:00.123Z"),
        ("2030-01-31 09:00:00+01:30", "2030-01-31T07:30:00.000Z"),
        ("2030-01-31T09:00:00-00:00", "2030-01-31T09:00:00.000Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_read_and_shown_again_in_utc(text: str, same: str) -> None:
    assert rfc3339(from_rfc3339(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2030-01-31",
        "2030-01-31T09:00:00",
        "20300131T090000Z",
        "2030-W05-4T09:00:00Z",
        "2030-13-01T00:00:00Z",
        "2030-01-01T00:00:60Z",
        "2030-01-01T00:00:00+24:00",
        "٢030-01-31T09:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_could_not_be_shown_again_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_rfc3339(text)
