"""What the sections of the configuration have in common."""

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

GONE = object()
"""Stands in a list for an entry that was reported and taken out, so that the others keep their places."""


class Section(BaseModel):
    """A map of known keys. A section that is written but empty is the same as one with no keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    noun: ClassVar[str] = "the configuration"
    """How a message names it: `x` is no key of <noun>."""

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value


def keep_gone(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """None for an entry that was taken out; an entry that is written but empty is a section without keys."""
    return None if value is GONE else handler({} if value is None else value)


def list_or_empty(value: Any) -> Any:
    """The value; an empty list where nothing is written."""
    return [] if value is None else value


Entry = TypeVar("Entry", bound=Section)
Entries = Annotated[list[Annotated[Entry | None, WrapValidator(keep_gone)]], BeforeValidator(list_or_empty)]
"""A list of sections; None stands for an entry that was reported and taken out."""


def map_or_empty(value: Any) -> Any:
    """The value; an empty map where nothing is written."""
    return {} if value is None else value


def list_without_gone(value: Any) -> Any:
    """The list without the entries that were taken out."""
    return [text for text in value if text is not GONE] if isinstance(value, list) else list_or_empty(value)
