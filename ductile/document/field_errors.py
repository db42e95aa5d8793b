"""What the models of configuration and manifests share: their errors, how they name a value, and flags."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_YES = frozenset({"true", "yes", "on"})
_NO = frozenset({"false", "no", "off"})


def value_error(message: str, code: str = "bad_value") -> PydanticCustomError:
    """An error of one value: the rest of a sentence that begins with its key, or after a colon one of its own."""
    return PydanticCustomError(code, "{message}", {"message": message})


def quote_value(value: Any) -> str:
    """A value as a message names it: short, and by its YAML kind where it is no scalar."""
    if isinstance(value, Mapping | list):
        return "a map" if isinstance(value, Mapping) else "a list"
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else f"`{str(value).lower()}`"
    text = str(value)
    return f"`{text[:57]}…`" if len(text) > 60 else f"`{text}`"  # noqa: PLR2004  # what fits in one line of a terminal


def refuse_later_key(value: Any) -> Any:
    """Refuses a documented key whose feature a later version brings."""
    del value
    message = "is not in this version"
    raise value_error(message, "not_in_this_version")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _YES | _NO:
        return value.lower() in _YES
    message = f"must be `true` or `false`, not {quote_value(value)}"
    raise value_error(message)


Flag = Annotated[bool, BeforeValidator(_flag)]
"""A boolean; the words of older YAML count too."""
