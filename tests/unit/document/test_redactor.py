from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.document.redactor import MASK, Redactor, is_display_secret, is_secret_name

SECRET = [
    "password",
    "passwd",
    "db_password",
    "PGPASSWORD",
    "SMTP_PASS",
    "MYSQL_PWD",
    "passphrase",
    "apiKey",
    "APIKey",
    "api-key",
    "apikey",
    "X-Api-Key",
    "githubToken",
    "GITHUB_TOKEN",
    "access_token",
    "authToken",
    "refresh.token",
    "AWS_SECRET_ACCESS_KEY",
    "client_secret",
    "private_key",
    "privateKey",
    "signing_key",
    "credentials",
    "credential",
    "Authorization",
    "secrets",
]
NONE = [
    "author",
    "author_name",
    "max_tokens",
    "tokens",
    "tokenizer",
    "key",
    "keys",
    "sort_key",
    "primary_key",
    "keyboard",
    "monkey",
    "PWD",
    "OLDPWD",
    "pass",
    "bypass",
    "password_file",
    "secret_ref",
    "token_ttl",
    "token_url",
    "AWS_ACCESS_KEY_ID",
    "SSH_AUTH_SOCK",
    "auth",
    "secretary",
    "HOME",
    "config",
    "name",
    "1",
    "_",
]


@pytest.mark.parametrize("name", SECRET)
def test_words_tell_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", [*NONE, ""])
def test_what_only_looks_like_a_secret_is_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["api_key", "KEYBOARD", "max_tokens", "Author", "secret_ref", "credentialed", "passwords"]
)
def test_for_display_any_part_of_the_name_counts(name: str) -> None:
    assert is_display_secret(name)


def test_other_names_are_displayed() -> None:
    assert not is_display_secret("message")


def test_every_occurrence_of_a_secret_is_replaced_and_the_longer_one_wins() -> None:
    redactor = Redactor(["abc", "abcdef", ""])
    assert redactor.text("abcdef abc x") == f"{MASK} {MASK} x"
    assert redactor.value({"abc": ["xabc", 1, None]}) == {MASK: [f"x{MASK}", 1, None]}


def test_a_secret_is_no_pattern() -> None:
    assert Redactor(["a.c|x"]).text("abc a.c|x") == f"abc {MASK}"


def test_nothing_to_hide_changes_nothing() -> None:
    assert Redactor().text("text") == "text"


@given(
    st.recursive(
        st.none() | st.integers(-9, 9) | st.text('ab"\\\n\x00é😀', max_size=8),
        lambda one: st.lists(one) | st.dictionaries(st.text('ab"\n', max_size=4), one),
    ),
    st.lists(st.text('ab"\\\n\x00é😀', max_size=3), max_size=3),
)
def test_what_is_encoded_is_redacted_as_the_value_is(value: Any, secrets: list[str]) -> None:
    redactor = Redactor(secrets)
    assert redactor.encode_json(value) == orjson.dumps(redactor.value(value))
