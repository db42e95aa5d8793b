"""The YAML 1.2 core schema: what a scalar without quotes means.

Other than in YAML 1.1, `yes`, `no`, `on` and `off` are text, and so are dates, `1_000`, `0b1` and `12:30:00`; `010` is
ten, `0o10` is eight. https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re

Scalar = str | int | float | bool | None

_NOT_FOUND = object()
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float("inf") for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FIRST_OF_NUMBER = frozenset("-+.0123456789")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WHOLE_MIN, _WHOLE_MAX = -(2**63), 2**64 - 1
_LONGEST_WHOLE = 80
"""Digits; longer is out of range anyway, and Python refuses to read very long ones."""


def read_scalar(text: str) -> Scalar:
    """The value of a plain scalar. A ValueError says of a whole number that it does not fit 64 bits."""
    if text and text[0] in _FIRST_OF_NUMBER:
        return _number(text)
    word = _WORDS.get(text, _NOT_FOUND)
    return text if word is _NOT_FOUND else word  # type: ignore[return-value]  # only the sentinel is no Scalar


def exact_scalar(text: str) -> Scalar:
    """A number, `true` or `false` where writing it back gives exactly this text; None for no text; else the text.

    So a port stays a number, and `007`, `1e5`, `0x1F`, `+5`, `1.10` and an account of 25 digits stay what they are.
    """
    if not text:
        return None
    try:
        value = read_scalar(text)
    except ValueError:
        return text
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return value if shown == text and value is not None else text


def has_surrogates(text: str) -> bool:
    """Whether a variable's text holds bytes that are no UTF-8: Python carries them as half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _number(text: str) -> Scalar:
    if _DECIMAL.fullmatch(text):
        return _whole(text, 10)
    if _HEX.fullmatch(text):
        return _whole(text, 16)
    if _OCTAL.fullmatch(text):
        return _whole(text, 8)
    if _FLOAT.fullmatch(text):
        return float(text)
    word = _WORDS.get(text, _NOT_FOUND)
    return text if word is _NOT_FOUND else word  # type: ignore[return-value]  # only the sentinel is no Scalar


def _whole(text: str, base: int) -> int:
    number = int(text, base) if len(text) <= _LONGEST_WHOLE else _WHOLE_MAX + 1
    if not _WHOLE_MIN <= number <= _WHOLE_MAX:
        sentence = f"this number of {len(text)} digits does not fit into 64 bits; put quotes around text"
        raise ValueError(sentence)
    return number
