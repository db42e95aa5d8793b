"""The instance's key: it seals what must not be read, and marks what must not be guessed."""

import secrets

from blake3 import blake3

KEY_BYTES = 32
NONCE_BYTES = 12
_SEAL = b"\x00sealed1"
"""What a sealed text begins with; no JSON does."""


class Unsealable(Exception):
    """A sealed text that this key does not open."""


class Vault:
    """Seals texts with AES-256-GCM, and hashes them with BLAKE3, by keys that are derived from the instance's own."""

    def __init__(self, key: bytes) -> None:
        self._sealing = blake3(key, derive_key_context="ductile 2026-11 sealing").digest()
        self._marking = blake3(key, derive_key_context="ductile 2026-11 marking").digest()

    @classmethod
    def ephemeral(cls) -> "Vault":
        """One whose key nobody keeps."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def mark(self, text: str) -> str:
        """A hash (hex) that is the same for the same text, and that nobody can compute from a guess without the key."""
        return blake3(text.encode(errors="surrogatepass"), key=self._marking).hexdigest()

    def seal(self, text: bytes) -> bytes:
        """The text sealed."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - few instances seal anything

        nonce = secrets.token_bytes(NONCE_BYTES)
        return _SEAL + nonce + AESGCM(self._sealing).encrypt(nonce, text, _SEAL)

    def open(self, text: bytes) -> bytes:
        """The text, where it is sealed as it was before. Raises Unsealable."""
        if not is_sealed(text):
            return text
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        nonce = text[len(_SEAL) : len(_SEAL) + NONCE_BYTES]
        try:
            return AESGCM(self._sealing).decrypt(nonce, text[len(_SEAL) + NONCE_BYTES :], _SEAL)
        except (InvalidTag, ValueError) as error:
            raise Unsealable from error


def is_sealed(text: bytes) -> bool:
    """Whether a vault has sealed it."""
    return text.startswith(_SEAL)
