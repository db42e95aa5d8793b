import math

import pytest

from ductile.document.read import read_text
from ductile.document.yaml_scalar import read_scalar

MEANINGS = [
    ("", None),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("nULL", "nULL"),
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("false", False),
    ("FALSE", False),
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("off", "off"),
    ("y", "y"),
    ("0", 0),
    ("-0", 0),
    ("+12", 12),
    ("-19", -19),
    ("010", 10),
    ("0o10", 8),
    ("0o9", "0o9"),
    ("0xFf", 255),
    ("0xg", "0xg"),
    ("-0x1", "-0x1"),
    ("0b11", "0b11"),
    ("1_000", "1_000"),
    ("18446744073709551615", 2**64 - 1),
    ("-9223372036854775808", -(2**63)),
    ("1.5", 1.5),
    ("-.5", -0.5),
    ("1.", 1.0),
    ("12e03", 12000.0),
    ("-2E-2", -0.02),
    ("1e", "1e"),
    (".", "."),
    ("-", "-"),
    ("+", "+"),
    (".inf", math.inf),
    ("+.INF", math.inf),
    ("-.Inf", -math.inf),
    ("inf", "inf"),
    ("nan", "nan"),
    ("190:20:30", "190:20:30"),
    ("22:00", "22:00"),
    ("2001-12-14", "2001-12-14"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("127.0.0.1", "127.0.0.1"),
    ("30s", "30s"),
    ("=", "="),
    ("\u0661", "\u0661"),
]


@pytest.mark.parametrize(("text", "value"), MEANINGS)
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    found = read_scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number_is_a_float(text: str) -> None:
    found = read_scalar(text)
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(("text", "value"), [pair for pair in MEANINGS if pair[0] not in ("", "-")])
def test_a_document_types_its_plain_scalars_and_leaves_quoted_ones_text(text: str, value: object) -> None:
    document = read_text(f"plain: {text}\nquoted: '{text}'\n", file="x.yaml")
    assert document.problems == ()
    assert document.value == {"plain": value, "quoted": text}


@pytest.mark.parametrize("text", ["18446744073709551616", "-9223372036854775809", "0x1ffffffffffffffff", "9" * 5000])
def test_a_whole_number_beyond_64_bits_is_a_problem_that_says_to_quote_it(text: str) -> None:
    (problem,) = read_text(f"a: {text}\n", file="x.yaml").problems
    assert problem.code == "bad_value"
    assert "quotes" in problem.message
    assert str(problem.mark) == "x.yaml:1:4"
