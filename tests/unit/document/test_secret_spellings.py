"""How programs print a secret, and what is left of it."""

import ast
import html
import json
import shlex
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ductile.document.redactor import MASK, Redactor

PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END KEY-----"
SECRETS = ["p@ss/w0rd+x=1&2", 'O\'Brien "quoted" 12', "back\\slash\tand tab", "pä$$wörd-ümlaut9", "emoji😀secret", PEM]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=8, max_size=30)


def spelled(secret: str, before: str = "") -> Iterator[str]:
    """The secret as programs write it."""
    raw = secret.encode()
    yield from (secret, repr(secret)[1:-1], ascii(secret)[1:-1], repr(raw)[2:-1], shlex.quote(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (json.dumps(secret).replace("/", "\\/")[1:-1], json.dumps(json.dumps(secret))[3:-3])
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret))
    yield "".join(one if one.isascii() and one.isalnum() else f"%{one.encode().hex('%')}" for one in secret)
    yield from (raw.hex(), raw.hex().upper())
    for after in ("", "a", "ab"):
        whole = before.encode() + raw + after.encode()
        yield from (b64encode(whole).decode(), urlsafe_b64encode(whole).decode().rstrip("="))
    yield encodebytes(before.encode() * 9 + raw + b"z" * 60).decode()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("before", ["", "x", "xy", "user:"])
def test_a_secret_is_found_in_every_spelling(secret: str, before: str) -> None:
    redactor = Redactor([secret, "another-secret-1"])
    for spelling in spelled(secret, before):
        assert MASK in redactor.text(f"before {spelling} after"), spelling
        assert MASK in redactor.value({"a": [f"before {spelling} after"]})["a"][0], spelling


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_any_text_is_found_in_every_spelling(secret: str) -> None:
    redactor = Redactor([secret])
    for spelling in spelled(secret):
        assert MASK in redactor.text(f"[{spelling}]"), spelling


def test_nothing_of_a_secret_is_left_beside_the_mask() -> None:
    basic = b64encode(b"user:a-long-password").decode()
    shown = Redactor(["a-long-password"]).text(f"Authorization: Basic {basic}")
    left = shown.removeprefix("Authorization: Basic ").partition(MASK)[0]
    assert left == basic[: len(left)]
    assert len(left) == len("dXNlcj")


def test_lines_of_a_secret_are_found_one_by_one_and_indented() -> None:
    redactor = Redactor([PEM])
    _, first, second, _ = PEM.splitlines()
    assert redactor.text(f"only {first}!") == f"only {MASK}!"
    assert redactor.text("key: |\n" + "".join(f"    {line}\n" for line in PEM.splitlines())) == f"key: |\n    {MASK}\n"
    assert second not in redactor.text(ast.literal_eval(repr(PEM)).replace("\n", ""))
    assert redactor.text("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


def test_a_short_secret_is_looked_for_as_it_is() -> None:
    redactor = Redactor(["tok/5"])
    assert redactor.text("tok/5 tok%2F5") == f"{MASK} tok%2F5"


def test_a_number_is_a_secret_too_and_a_short_one_is_none_of_it() -> None:
    redactor = Redactor(["3141592653"])
    value = {"pi": 3141592653, "float": 3141592653.0, "list": [314, True], "text": "it is 3141592653"}
    assert redactor.value(value) == {"pi": MASK, "float": MASK, "list": [314, True], "text": f"it is {MASK}"}
    assert redactor.encode_json({"pi": 3141592653}) == b'{"pi":"[REDACTED]"}'


def test_a_part_of_a_secret_beside_a_cut_is_no_more_shown_than_the_whole() -> None:
    redactor = Redactor(["supersecretvalue"])
    assert redactor.clip("not `supersecr…`") == f"not `{MASK}…`"
    assert redactor.clip("a supersec\n[… 10 bytes are left out here …]\nretvalue b").count(MASK) == 2
    assert redactor.clip("nothing…") == "nothing…"


def test_many_secrets_are_all_found() -> None:
    secrets = [f"secret-number-{number:04}" for number in range(500)]
    shown = Redactor(secrets).text(" ".join(quote(secret, safe="") for secret in secrets))
    assert shown == " ".join([MASK] * 500)
