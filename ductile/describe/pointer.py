"""JSON Pointers (RFC 6901), as they stand in a `$ref`."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

Pointer = tuple[str, ...]


def fragment(pointer: Pointer) -> str:
    """`("properties", "a/b")` as `/properties/a~1b`, percent-encoded as a URI wants it."""
    return "".join("/" + quote(part.replace("~", "~0").replace("/", "~1"), safe="~$!&'()*+,;=:@") for part in pointer)


def parts(text: str) -> Pointer:
    """The other way round."""
    return tuple(unquote(part).replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def found(value: Any, pointer: Pointer) -> tuple[bool, Any]:
    """Whether something stands there, and what."""
    for part in pointer:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif is_list(value) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


def resolve(reference: str, root: Any) -> Any:
    """What `#/a/b` refers to within the root; None where nothing is there."""
    return found(root, parts(reference.removeprefix("#")))[1] if reference.startswith("#") else None


def is_list(value: Any) -> bool:
    """Whether it is a list of JSON, written as a list or a tuple."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
