"""What is made of a document is kept as long as the document is, and no longer: a large one is megabytes."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from ductile.document.read import Document

Made = TypeVar("Made")


def memoize_by_document(make: Callable[[Document], Made]) -> Callable[[Document], Made]:
    """The function, asked once for each document. What it returns must not hold the document."""
    known: WeakKeyDictionary[Document, Made] = WeakKeyDictionary()

    @wraps(make)
    def once(document: Document) -> Made:
        if document not in known:
            known[document] = make(document)
        return known[document]

    return once
