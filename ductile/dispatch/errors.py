"""Errors between a claim and its settlement."""

from ductile.errors import DuctileError


class DefinitionMissing(DuctileError):
    """The definition {definition} that this run is pinned to is not in the store; it was removed from outside."""

    code = "definition_missing"


class SealedByAnotherKey(DuctileError):
    """The {what} was sealed with another key than that beside the database; restore the key of the same backup."""

    code = "sealed_by_another_key"
