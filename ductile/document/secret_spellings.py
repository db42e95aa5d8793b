r"""The spellings of a secret: how programs print a text, as RE2 patterns over the bytes of UTF-8.

A character stands as it is, or is escaped for JSON (also as `\u00e9`), by Python's `repr` (`\xe9`), for a shell, for a
URL (`%C3`, `+`) or for HTML (`&#x27;`). The lines of a text stand apart by any white space or line break, escaped or
not. The bytes stand in base64, standard and for URLs, at each of the three places that they may have in a longer text,
also wrapped into lines; or they stand in hexadecimal.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from html.entities import codepoint2name

MIN_SECRET_CHARACTERS = 8
"""Characters; a shorter value is no secret by its name alone, since replacing it would mangle what people read. Where a
shorter one is a secret nevertheless (a token), it is looked for as it is, and in no other spelling.
"""
LINE_CHARACTERS = 8
"""A shorter line of a secret of several lines is no secret by itself."""

_LINE_BREAK = re.compile(r"[\r\n]+")
_ARMOR = "-----"
"""The first and the last line of a PEM file begin so: they are the same in every such file."""
_BREAK = r"(?:\\+(?:[nrt]|x0[aAdD]|u000[aAdD])|%(?:25)*(?:0[9aAdD]|20)|&#(?:1[03]|[xX]0*[aAdD]);|[\s>|,+\"'])*"
"""Between two lines of a text that was indented, quoted or joined."""
_WRAP = r"(?:(?:\\+[nr]|\s)+)?"
"""Between two groups of four characters of base64."""
_SECRETS_PER_GROUP = 4
_BASE64_CHARACTER = "[0-9A-Za-z+/_-]"
_BASE64_END = rf"(?:{_BASE64_CHARACTER}(?:=|%3[dD]){{0,2}})?"
_BASE64 = {"+": r"(?:[+-]|%2[bB])", "/": r"(?:\\*[/_]|%2[fF])"}
FIRST_OWN_CHARACTER = (0, 2, 3)
"""Place in the base64 of a longer text → the first character that the secret alone decides."""
_CONTROLS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a"}
_ONE_BYTE = 0x100
_ONE_UNIT = 0x10000


def spellings(secret: str) -> Iterator[str]:
    """The patterns that find a secret. Each character of a pattern is one byte (Latin-1)."""
    lines = lines_of(secret)
    if len(lines) > 1:
        yield _BREAK.join(_escapable(line) for line in lines)
        yield from (_escapable(line) for line in lines if len(line) >= LINE_CHARACTERS and not line.startswith(_ARMOR))
    else:
        yield _escapable(secret)
    raw = secret.encode()
    yield from (_base64(raw, place) for place in range(3))
    yield "".join(_hexadecimal(byte) for byte in raw)


def lines_of(secret: str) -> list[str]:
    """The lines of a secret that has several, without their indentation; else the secret alone."""
    lines = [line.strip() for line in _LINE_BREAK.split(secret) if line.strip()]
    return lines if len(lines) > 1 else [secret]


def literal(text: str) -> str:
    """The pattern of a text as it is."""
    return re.escape(text).encode().decode("latin-1")


def _escapable(text: str) -> str:
    return "".join(one if one.isascii() and one.isalnum() else f"(?:{'|'.join(_ways(one))})" for one in text)


def _ways(one: str) -> Iterator[str]:
    """How a character that is neither letter nor digit may stand."""
    code, raw = ord(one), one.encode()
    yield r"\\+" if one == "\\" else rf"\\*{literal(one)}"
    yield "".join(f"%(?:25)*{_hexadecimal(byte)}" for byte in raw)
    units = one.encode("utf-16-be")
    yield "".join(
        rf"\\+u{_hexadecimal(high)}{_hexadecimal(low)}" for high, low in zip(units[::2], units[1::2], strict=True)
    )
    if code < _ONE_BYTE:
        yield rf"\\+x{_hexadecimal(code)}"
    if len(raw) > 1:
        yield "".join(rf"\\+x{_hexadecimal(byte)}" for byte in raw)
    if code >= _ONE_UNIT:
        yield r"\\+U" + "".join(_hexadecimal(byte) for byte in code.to_bytes(4, "big"))
    if one in _CONTROLS:
        yield rf"\\+{_CONTROLS[one]}"
    name = f"|{codepoint2name[code]}" if code in codepoint2name else ""
    yield f"&(?:#0*{code}|#[xX]0*(?i:{code:x}){name});"
    if one == " ":
        yield r"\+"
    elif one == "'":
        yield r"'\\*\"'\\*\"'|'\\+''|''"
    elif one == '"':
        yield '""'


def _hexadecimal(byte: int) -> str:
    return "".join(digit if digit.isdigit() else f"[{digit}{digit.upper()}]" for digit in f"{byte:02x}")


def _base64(raw: bytes, place: int) -> str:
    """The part of a longer text's base64 that these bytes decide, where the bytes before them are 3n + `place`.

    A character that they share with the bytes beside them is taken along.
    """
    first = FIRST_OWN_CHARACTER[place]
    bits = 8 * (place + len(raw))
    own = b64encode(bytes(place) + raw).decode()[first : bits // 6]
    start = _BASE64_CHARACTER if place else ""
    body = "".join(
        (_WRAP if index % _SECRETS_PER_GROUP == 0 and index > first else "") + _BASE64.get(one, one)
        for index, one in enumerate(own, first)
    )
    return start + body + (_BASE64_END if bits % 6 else "")
