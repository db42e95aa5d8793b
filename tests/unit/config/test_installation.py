"""A configuration as one installation serves it."""

from collections.abc import Callable
from pathlib import Path

from ductile.config.installation import Installation, with_key
from ductile.document.vault import Vault, is_sealed
from ductile.model.snapshot import Snapshot
from ductile.store.installation.retired_secrets import RetiredSecrets

Snap = Callable[..., Snapshot]
VAULT = Vault(b"k" * 32)
TEXT = """plugin_roots: [plugins]
api: {auth: {tokens: [{token: token-without-a-name, scopes: ["*"]}]}}
pipelines:
  - {name: open, on: a, steps: [{uses: worker, with: {word: "hello"}}]}
  - {name: secret, on: b, steps: [{uses: worker, with: {api_key: "a-literal-secret"}}]}
"""


def test_hashes_are_keyed_and_equal_configurations_are_equal(snapshot_of: Snap) -> None:
    bare = snapshot_of(TEXT)
    first, second, other = with_key(bare, VAULT), with_key(bare, VAULT), with_key(bare, Vault(b"l" * 32))
    assert len({bare.config_hash, first.config_hash, other.config_hash}) == 3
    assert first.config_hash == second.config_hash
    assert first.principals == bare.principals, "a token without a name is known by the hash that callers know"


def test_a_definition_with_a_secret_is_sealed_and_no_other(snapshot_of: Snap) -> None:
    bound = with_key(snapshot_of(TEXT), VAULT)
    assert not is_sealed(bound.pipelines["open"].document)
    secret = bound.pipelines["secret"]
    assert is_sealed(secret.document)
    assert b"a-literal-secret" in VAULT.open(secret.document)
    assert bound.on_event["b"] == (secret,)
    assert secret.hash == with_key(snapshot_of(TEXT), VAULT).pipelines["secret"].hash


def test_secrets_of_before_are_hidden_too(snapshot_of: Snap, tmp_path: Path) -> None:
    retired = RetiredSecrets(tmp_path / "state.db", VAULT, lambda: 1)
    installation = Installation(VAULT, retired)
    installation.record(installation.bind(snapshot_of(TEXT.replace("a-literal-secret", "an-older-secret"))))
    bound = installation.bind(snapshot_of(TEXT))
    assert bound.redactor.text("an-older-secret a-literal-secret") == "[REDACTED] [REDACTED]"
    assert "an-older-secret" not in bound.secrets
