"""Whether a reload would lock its operators out: nobody, or not the one who asks, could reload again over HTTP."""

from msgspec import Struct

from ductile.document.locations import Marks
from ductile.document.problem import Path, Problem
from ductile.errors import Unprocessable
from ductile.model.clock import Millis
from ductile.model.principal import ALL_SCOPES, Principal
from ductile.model.snapshot import Snapshot

TOKENS: Path = ("api", "auth", "tokens")
NO_OPERATOR = "it leaves no valid token with the scope `*`, so nobody could reload again"
NOT_THE_CALLER = "it leaves the token of this call not valid, or without the scope `*`"


class OperatorLockedOut(Unprocessable):
    """The reload was refused, and the old configuration serves on: {reason}. Correct the files. Where it is meant so,
    `ductile system reload --force` (`POST /system/reload?force=true`) applies it.
    """  # noqa: D205 - one message

    code = "operator_locked_out"


class Asker(Struct, frozen=True, kw_only=True):
    """Who asks for a reload, as far as that matters."""

    token_hash: str | None = None
    """BLAKE3 (hex) of the caller's token; None for a signal or a change of files."""
    force: bool = False
    """Whether a configuration that locks operators out is meant so."""


NOBODY = Asker()


def check_operators(old: Snapshot, new: Snapshot, marks: Marks, asker: Asker, now: Millis) -> None:
    """Raises OperatorLockedOut where the new configuration takes away what an operator needs.

    Where the old configuration had no token with `*` either, nothing gets worse, and any new one will do.
    """
    if asker.force or not new.api.enabled:
        return
    if operators(old, now) and not operators(new, now):
        raise _refusal(NO_OPERATOR, marks)
    if asker.token_hash is not None and not _operates(new.principals.get(asker.token_hash), now):
        raise _refusal(NOT_THE_CALLER, marks)


def operators(snapshot: Snapshot, now: Millis) -> bool:
    """Whether any token may do everything now."""
    return any(_operates(principal, now) for principal in snapshot.principals.values())


def _operates(principal: Principal | None, now: Millis) -> bool:
    if principal is None or not principal.may(ALL_SCOPES):
        return False
    return principal.expires_at is None or principal.expires_at > now


def _refusal(reason: str, marks: Marks) -> OperatorLockedOut:
    problem = Problem(code=OperatorLockedOut.code, message=reason, path=TOKENS, mark=marks.of(TOKENS))
    return OperatorLockedOut(reason=reason, errors=[problem.public()])
