"""Where each value of a document was written."""

from typing import Any, NamedTuple

from msgspec import Struct

from ductile.document.problem import Mark, Path


class VariableText(NamedTuple):
    """The text of a scalar that stands elsewhere than in the document."""

    text: str
    sources: tuple[str, ...]
    """The variables, and `file:` with the path for a file."""


class Location(NamedTuple):
    """The place of one value and of the key it stands under; lines and columns count from 1.

    Places form a tree of the same shape as the values: `children` is a dict beside a map, a list beside a list and
    None beside a scalar. A value of a list, and the root, have no key: theirs is the place of the value.
    """

    file: str
    line: int
    column: int
    key_line: int
    key_column: int
    plain: bool
    """Whether this is a scalar without quotes: it is typed once its `${}` are expanded."""
    children: dict[str, "Location"] | list["Location"] | None
    given: VariableText | None = None
    """Of a scalar without quotes that variables or files give: their text."""


def start_of_file(file: str) -> Location:
    """The place of an empty map at the start of a file."""
    return Location(file=file, line=1, column=1, key_line=1, key_column=1, plain=False, children={})


class Marks(Struct, frozen=True):
    """Path → place, for every value of a document."""

    root: Location

    def of(self, path: Path) -> Mark:
        """Where the value at the path starts, or its nearest parent that was written."""
        place = self._place(path)
        return Mark(place.file, place.line, place.column)

    def key(self, path: Path) -> Mark:
        """Where the key of the value at the path stands, or that of its nearest parent that was written."""
        place = self._place(path)
        return Mark(place.file, place.key_line, place.key_column)

    def knows(self, path: Path) -> bool:
        """Whether exactly this path was written."""
        place: Location | None = self.root
        for part in path:
            place = _child(place, part) if place else None
        return place is not None

    def _place(self, path: Path) -> Location:
        place = self.root
        for part in path:
            child = _child(place, part)
            if child is None:
                break
            place = child
        return place


def _child(place: Location, part: str | int) -> Location | None:
    children: Any = place.children
    found: Location | None = None
    if isinstance(children, dict):
        found = children.get(part)
    elif isinstance(children, list) and isinstance(part, int) and 0 <= part < len(children):
        found = children[part]
    return found
