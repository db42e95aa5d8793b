"""What can go wrong between a claim and its settlement."""

from ductile.errors import DuctileError


class DefinitionMissing(DuctileError):
    """The definition {definition} that this run is pinned to is not in the store; it was removed from outside."""

    code = "definition_missing"
