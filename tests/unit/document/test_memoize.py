import gc
import weakref

from ductile.document.memoize import memoize_by_document
from ductile.document.read import Document, read_text


class Made:
    """What was made of a document."""


def test_it_is_made_once_for_a_document_and_goes_with_it() -> None:
    asked: list[str] = []

    @memoize_by_document
    def make(document: Document) -> Made:
        asked.append(document.value["a"])
        return Made()

    first = make(read_text("a: one", file="kept.yaml"))
    assert make(read_text("a: one", file="kept.yaml")) is first
    gone = weakref.ref(first)
    del first
    make(read_text("a: two", file="kept.yaml"))
    gc.collect()
    assert asked == ["one", "two"]
    assert gone() is None
