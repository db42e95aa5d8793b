"""`<state>.secrets`: the secrets that were in force, sealed.

What was stored while one of them was is shown without it later too: after a rotation, and after a restart.
"""

from collections.abc import Mapping
from pathlib import Path

import orjson
import structlog

from ductile.document.vault import Unsealable, Vault
from ductile.model.clock import Clock, Millis
from ductile.store.installation.vault_file import write_private

MAX_RETIRED_SECRETS = 10_000
"""Retired secrets that are remembered, the newest."""

_log = structlog.get_logger(__name__)


class RetiredSecrets:
    """The secrets in force and those of before, as long as what was stored under them may be there."""

    def __init__(self, state: Path, vault: Vault, clock: Clock) -> None:
        self._file = state.with_name(f"{state.name}.secrets")
        self._vault = vault
        self._clock = clock
        self._known: dict[str, Millis | None] = self._read()
        """Secret → when it was replaced; None while it is in force."""

    @property
    def known(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self._known)

    def record(self, in_force: frozenset[str], keep: Millis) -> None:
        """These are in force from now on; others are kept that were replaced in the last `keep`. Blocking.

        What cannot be written is remembered until the gateway ends.
        """
        now = self._clock()
        retired = {
            secret: now if since is None else since for secret, since in self._known.items() if secret not in in_force
        }
        recent = sorted((since, secret) for secret, since in retired.items() if since > now - keep)[
            -MAX_RETIRED_SECRETS:
        ]
        known: dict[str, Millis | None] = {secret: since for since, secret in recent} | dict.fromkeys(in_force)
        if known == self._known:
            return
        self._known = known
        try:
            write_private(self._file, self._vault.seal(orjson.dumps(known)))
        except OSError as error:
            _log.warning("the secrets of before cannot be remembered", path=str(self._file), reason=error.strerror)

    def _read(self) -> dict[str, Millis | None]:
        try:
            found = orjson.loads(self._vault.open(self._file.read_bytes()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, Unsealable) as error:
            hint = "secrets that were replaced before this start are shown where they stand in old jobs"
            _log.warning("the secrets of before are unreadable", path=str(self._file), reason=repr(error), hint=hint)
            return {}
        return dict(found) if isinstance(found, Mapping) else {}
