import pytest

from ductile.document.secret_values import secrets_below, secrets_in, secrets_of_file


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("postgres://app:hunter2hunter2@db/app", "hunter2hunter2"),
        ("amqps://u:p%40ss%2Fword1@host:5671/%2f", "p@ss/word1"),
        ("amqps://u:p%40ss%2Fword1@host:5671/%2f", "p%40ss%2Fword1"),
        ("redis://:only-a-password@cache", "only-a-password"),
        ("see http://me:my@secret@proxy:3128/ for it", "my@secret"),
        ("https://app:pw@host", "app:pw@"),
        ("host=db user=app password=hunter2hunter2", "hunter2hunter2"),
        ("Server=db;User Id=sa;Password='two words';", "two words"),
        ("https://api/?api_key=0123456789abcdef&x=1", "0123456789abcdef"),
    ],
)
def test_a_password_in_an_address_is_a_secret_under_any_key(value: str, secret: str) -> None:
    assert secret in set(secrets_in("url", value))


def test_an_address_without_a_password_holds_none() -> None:
    assert not set(secrets_in("url", "https://user@example.com/a?b=c"))
    assert not set(secrets_in("with", "password={payload.password}"))


def test_numbers_under_a_secret_name_are_secrets_as_they_are_written() -> None:
    assert set(secrets_in("password", 1234567890)) == {"1234567890"}
    assert set(secrets_in("password", 1.2345678e30)) == {"1.2345678e+30"}
    assert not set(secrets_in("password", value=True))
    assert not set(secrets_in("pin_password", 1234))


def test_the_credential_behind_its_scheme_is_one_by_itself() -> None:
    assert set(secrets_below("", {"headers": {"Authorization": "Bearer abcdefgh"}})) == {"Bearer abcdefgh", "abcdefgh"}


def test_of_a_json_file_its_secret_values_are_secrets_too() -> None:
    text = '{"type": "service_account", "private_key": "-----BEGIN\\nabcdefgh"}'
    assert set(secrets_of_file(text)) == {text, "-----BEGIN\nabcdefgh"}
