"""Two documents become one: maps merge, lists append (or are replaced), of scalars the later wins."""

from typing import Any

from ductile.document.locations import Location, Marks
from ductile.document.read import Document


def merge(first: Document, second: Document, *, append: bool = True) -> Document:
    """`second` laid over `first`, the places with the values. An empty section (`plugins:`) takes nothing away.

    Without `append` a list takes the place of the one that was there.
    """
    value, place = _merge(first.value, first.marks.root, second.value, second.marks.root, append=append)
    problems = (*first.problems, *second.problems)
    return Document(file=first.file, value=value, marks=Marks(place), problems=problems)


def _merge(first: Any, place: Location, second: Any, over: Location, *, append: bool) -> tuple[Any, Location]:
    if isinstance(first, dict) and isinstance(second, dict):
        return _merge_maps(first, place, second, over, append=append)
    ours: Any = place.children
    theirs: Any = over.children
    if append and isinstance(first, list) and isinstance(second, list):
        return [*first, *second], place._replace(children=[*ours, *theirs])
    if second is None and isinstance(first, dict | list):
        return first, place
    return second, over


def _merge_maps(
    first: dict[str, Any], place: Location, second: dict[str, Any], over: Location, *, append: bool
) -> tuple[dict[str, Any], Location]:
    ours: Any = place.children
    theirs: Any = over.children
    values, places = dict(first), dict(ours)
    for key, value in second.items():
        if key in values:
            values[key], places[key] = _merge(values[key], places[key], value, theirs[key], append=append)
        else:
            values[key], places[key] = value, theirs[key]
    if not first and second:
        return values, over._replace(children=places)
    return values, place._replace(children=places)
