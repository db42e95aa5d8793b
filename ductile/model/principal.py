"""Callers and their scopes."""

from msgspec import Struct

from ductile.model.clock import Millis

ALL_SCOPES = "*"
"""The scope that grants everything."""

BASE_SCOPES = frozenset({ALL_SCOPES, "plugin:ro", "plugin:rw", "jobs:ro", "jobs:rw", "events:ro", "events:rw"})


class Principal(Struct, frozen=True, kw_only=True):
    """A caller whose credential was checked."""

    id: str
    """`token:<name>`, or `token:<first 8 hex digits of its BLAKE3>`."""
    kind: str
    scopes: frozenset[str]
    expires_at: Millis | None = None

    def may(self, *wanted: str) -> bool:
        """Whether any of the wanted scopes is granted; `x:rw` grants `x:ro`, and `*` everything."""
        granted = self.scopes
        if ALL_SCOPES in granted:
            return True
        return any(scope in granted or (scope.endswith(":ro") and f"{scope[:-3]}:rw" in granted) for scope in wanted)
