"""JSON Pointers (RFC 6901), as they stand in a `$ref`."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

Pointer = tuple[str, ...]


def parse_pointer(text: str) -> Pointer:
    """Parse the fragment of a `$ref`: `/properties/a~1b` is `("properties", "a/b")`."""
    return tuple(unquote(part).replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def find_value(value: Any, pointer: Pointer) -> tuple[bool, Any]:
    """Whether a pointer leads to a value, and the value."""
    for part in pointer:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif is_list(value) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


def resolve_reference(reference: str, root: Any) -> Any:
    """The value that `#/a/b` refers to within the root; None where there is none."""
    return find_value(root, parse_pointer(reference.removeprefix("#")))[1] if reference.startswith("#") else None


def is_list(value: Any) -> bool:
    """Whether a value is a JSON list, as a list or a tuple."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
