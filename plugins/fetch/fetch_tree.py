"""Reads a page of HTML, however broken, into a small tree of elements and text.

Elements and how deep they lie inside each other are bounded, whatever a page holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

MOST_ELEMENTS = 250_000
DEEPEST = 100
"""Elements inside each other; what lies deeper counts as a child of the deepest one."""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SKIPPED = words(
    "script style noscript template svg math iframe object embed canvas audio video map select button textarea input "
    "datalist dialog nav head title meta link"
)
"""Elements that no reader sees as text."""
IN_HEAD = words("base basefont bgsound link meta noscript script style template title")
LISTS = words("ul ol menu dir")
VOID = words("area base br col embed hr img input link meta param source track wbr")
BLOCKS = words(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary table tbody td "
    "tfoot th thead tr caption ul"
)
CLOSED_BY: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(("li",), (frozenset(("li",)), frozenset(("ul", "ol", "menu", "dir")))),
    **dict.fromkeys(("dt", "dd"), (frozenset(("dt", "dd")), frozenset(("dl",)))),
    **dict.fromkeys(("td", "th"), (frozenset(("td", "th")), frozenset(("tr", "table")))),
    **dict.fromkeys(("tr",), (frozenset(("tr",)), frozenset(("table",)))),
    **dict.fromkeys(
        ("tbody", "thead", "tfoot"), (frozenset(("tbody", "thead", "tfoot", "caption")), frozenset(("table",)))
    ),
}
"""Start tag → the open elements that it ends, and those behind which they are looked for no more."""
ENDS_P = BLOCKS - words("td th tr li dt dd body html")


class TooComplex(Exception):
    """The page has more elements than are read."""


@dataclass(slots=True, eq=False)
class Element:
    """One element; a child is an element or text."""

    tag: str
    attributes: Mapping[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def elements(self) -> Iterator["Element"]:
        return (child for child in self.children if isinstance(child, Element))


class Tree(HTMLParser):
    """Reads a page, however broken, into elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("html", {})
        self.open = [self.root]
        self.count = 0
        self.title = ""
        self.base = ""

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        try:
            return super().parse_marked_section(i, bool(report))
        except AssertionError:  # a section of no known kind
            return self.parse_bogus_comment(i)

    def unknown_decl(self, data: str) -> None:
        if data.startswith("CDATA["):
            self.handle_data(data.removeprefix("CDATA["))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count += 1
        if self.count > MOST_ELEMENTS:
            raise TooComplex(f"the page has more than {MOST_ELEMENTS} elements")
        if self.open[-1].tag == "head" and tag not in IN_HEAD:
            self.open.pop()
        self._end_implied(tag)
        element = Element(tag, {name: value or "" for name, value in attrs})
        if tag == "base" and not self.base:
            self.base = element.attributes.get("href", "")
        self.open[-1].children.append(element)
        if tag not in VOID and len(self.open) < DEEPEST + (tag in SKIPPED):
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in SKIPPED:
            self.handle_endtag(tag)  # `<svg/>` is empty; elsewhere the slash means nothing

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self.open) - 1, 0, -1):
            found = self.open[at].tag
            if found == tag:
                del self.open[at:]
                return
            if found in ("td", "th", "table") and tag not in ("table", "tr", "tbody", "thead", "tfoot"):
                return  # a stray end tag in a cell ends nothing outside of it

    def handle_data(self, data: str) -> None:
        if self.open[-1].tag == "title" and not self.title and all(one.tag != "svg" for one in self.open):
            self.title = data
        if self.open[-1].tag == "head" and data.strip():
            self.open.pop()
        self.open[-1].children.append(data)

    def _end_implied(self, tag: str) -> None:
        if tag in ENDS_P and self.open[-1].tag == "p":
            self.open.pop()
        if tag in CLOSED_BY:
            closed, bounds = CLOSED_BY[tag]
            for at in range(len(self.open) - 1, 0, -1):
                if self.open[at].tag in closed:
                    del self.open[at:]
                elif self.open[at].tag in bounds:
                    return


def main_part(root: Element) -> Element | None:
    """The `<main>` of a page, if it says anything."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if (element.tag == "main" or element.attributes.get("role") == "main") and any_text(element):
            return element
        waiting += reversed(list(element.elements()))
    return None


def any_text(root: Element) -> bool:
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.tag not in SKIPPED:
            if any(isinstance(child, str) and child.strip() for child in element.children):
                return True
            waiting += element.elements()
    return False


def raw(root: Element) -> str:
    """The text of an element as it stands in the page."""
    parts: list[str] = []
    waiting: list[Element | str] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            parts.append(one)
        elif one.tag == "br":
            parts.append("\n")
        elif one.tag not in SKIPPED:
            waiting += reversed(one.children)
    return "".join(parts).replace("\r\n", "\n").replace("\r", "\n")


def rows_of(table: Element) -> Iterator[Element]:
    """The rows of a table itself, those of its head first."""
    sections = [child for child in table.elements() if child.tag in ("thead", "tbody", "tfoot")]
    for section in sorted(sections, key=lambda one: one.tag != "thead"):
        yield from (child for child in section.elements() if child.tag == "tr")
    yield from (child for child in table.elements() if child.tag == "tr")


def has_table(root: Element) -> bool:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if one.tag == "table":
            return True
        waiting += one.elements()
    return False
