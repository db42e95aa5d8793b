"""Times as people read and write them."""

from datetime import UTC, datetime

import pytest

from ductile.cli.core.errors import BadTime
from ductile.cli.core.time_format import format_age, read_time

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("2026-11-29T12:00:00Z", "0 s ago"),
        ("2026-11-29T11:59:48.400Z", "11 s ago"),
        ("2026-11-29T11:58:01Z", "119 s ago"),
        ("2026-11-29T11:57:00Z", "3 min ago"),
        ("2026-11-29T09:00:00Z", "3 h ago"),
        ("2026-11-25T12:00:00Z", "4 d ago"),
        ("2026-01-01T00:00:00Z", "2026-01-01 00:00:00Z"),
        ("2026-11-29T12:00:25Z", "in 25 s"),
        ("2026-11-29T12:30:00+00:00", "in 30 min"),
        ("2030-01-01T00:00:00Z", "2030-01-01 00:00:00Z"),
        (None, None),
    ],
)
def test_how_long_ago(time: str | None, told: str | None) -> None:
    assert format_age(time, NOW) == told


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("10m", "2026-11-29T11:50:00.000Z"),
        ("1h30m", "2026-11-29T10:30:00.000Z"),
        ("0", "2026-11-29T12:00:00.000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01 09:30", "2026-11-01T09:30:00.000Z"),
        ("2026-11-01T09:30:05", "2026-11-01T09:30:05.000Z"),
        ("2026-11-01T09:30:00+02:00", "2026-11-01T07:30:00.000Z"),
        ("100y", None),
        ("yesterday", None),
        ("2026-13-01", None),
        ("10", None),
        ("", None),
        ("-10m", None),
    ],
)
def test_a_time_on_the_command_line(text: str, at: str | None) -> None:
    if at is None:
        with pytest.raises(BadTime, match=r"--since takes 10m .* not "):
            read_time(text, "--since", now=NOW)
    else:
        assert read_time(text, "--since", now=NOW) == at


def test_a_time_ahead() -> None:
    assert read_time("10m", "--run-at", ahead=True, now=NOW) == "2026-11-29T12:10:00.000Z"
