"""Errors of a step before it runs: each fails the step, or the trigger whose entry step it is."""

from ductile.errors import BadRequest


class ConditionError(BadRequest):
    """The condition `{path} {op}` needs {needs}, but there is {found}; mend what sends it, or the condition."""

    code = "condition_failed"


class RemapError(BadRequest):
    """`with.{key}`: {reason}."""

    code = "remap_failed"


class BaggageError(BadRequest):
    """`baggage.{target}`: {reason}."""

    code = "baggage_failed"
