"""The key of an installation, and the secrets that were replaced."""

import os
from pathlib import Path

import pytest

from ductile.document.vault import Vault
from ductile.store.errors import KeyUnusable
from ductile.store.installation.retired_secrets import RetiredSecrets
from ductile.store.installation.vault_file import open_vault, read_vault

VAULT = Vault(b"k" * 32)
KEEP = 100


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


def test_a_replaced_secret_is_known_for_as_long_as_jobs_are_kept_over_restarts_too(tmp_path: Path) -> None:
    clock = Clock()
    retired = RetiredSecrets(tmp_path / "state.db", VAULT, clock)
    retired.record(frozenset({"old", "both"}), KEEP)
    clock.now += 10 * KEEP  # in force all the time
    retired.record(frozenset({"both", "new"}), KEEP)
    assert retired.known == {"old", "both", "new"}
    clock.now += KEEP - 1
    again = RetiredSecrets(tmp_path / "state.db", VAULT, clock)
    again.record(frozenset({"both", "new"}), KEEP)
    assert again.known == {"old", "both", "new"}
    clock.now += 2
    again.record(frozenset({"newest"}), KEEP)
    assert again.known == {"both", "new", "newest"}


def test_the_file_is_sealed_and_for_its_owner_alone(tmp_path: Path) -> None:
    RetiredSecrets(tmp_path / "state.db", VAULT, Clock()).record(frozenset({"a-secret"}), KEEP)
    file = tmp_path / "state.db.secrets"
    assert b"a-secret" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"{", Vault(b"l" * 32).seal(b"{}")], ids=["empty", "no seal", "seal of another key"]
)
def test_an_unreadable_file_does_not_keep_the_gateway_from_starting(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.db.secrets").write_bytes(content)
    assert RetiredSecrets(tmp_path / "state.db", VAULT, Clock()).known == frozenset()


def test_a_key_is_made_once(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    assert read_vault(state) is None
    mark = open_vault(state).mark("a")
    assert open_vault(state).mark("a") == mark
    assert (tmp_path / "state.db.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_none_is_refused_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "state.db.key").write_bytes(b"short")
    with pytest.raises(KeyUnusable, match="it holds 5 bytes"):
        open_vault(tmp_path / "state.db")
    assert os.listdir(tmp_path) == ["state.db.key"]  # noqa: PTH208 - names are compared
