import pytest

from ductile.document.vault import Unsealable, Vault, is_sealed

VAULT = Vault(b"k" * 32)


def test_what_is_sealed_is_opened_with_the_same_key_alone() -> None:
    sealed = VAULT.seal(b"a secret")
    assert is_sealed(sealed)
    assert b"secret" not in sealed
    assert sealed != VAULT.seal(b"a secret")
    assert Vault(b"k" * 32).open(sealed) == b"a secret"
    for text in (sealed[:-1], sealed[:12], sealed[:-1] + b"x"):
        with pytest.raises(Unsealable):
            VAULT.open(text)
    with pytest.raises(Unsealable):
        Vault(b"l" * 32).open(sealed)


def test_what_is_not_sealed_is_as_it_is() -> None:
    assert VAULT.open(b'{"a": 1}') == b'{"a": 1}'


def test_a_mark_needs_the_key() -> None:
    assert VAULT.mark("a") == Vault(b"k" * 32).mark("a")
    assert VAULT.mark("a") != Vault(b"l" * 32).mark("a")
