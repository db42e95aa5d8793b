"""From a page of HTML to text or Markdown. Takes time that grows with the size of the page, whatever it holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from fetch_marks import MARKS, code, enclosed, escaped, guarded, indented, lines, longest_run, one_line, wrapped
from fetch_tree import BLOCKS, LISTS, SKIPPED, Element, Tree, has_table, main_part, raw, rows_of

DEEPEST_INDENT = 10
"""Lists and quotations inside each other that are still indented further."""
NOISE = frozenset(("aside", "footer"))
HEADINGS = {f"h{level}": level for level in range(1, 7)}
SPACE = re.compile(r"[ \t\n\r\f]+")
UNSEEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\N{ZERO WIDTH SPACE}\N{SOFT HYPHEN}\N{ZERO WIDTH NO-BREAK SPACE}]")
LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight-source)-([A-Za-z0-9+#.-]{1,30})(?=\s|$)")


@dataclass(frozen=True, kw_only=True)
class Read:
    """A page that was read."""

    title: str
    content: str


def read(html: str, url: str, *, markdown: bool) -> Read:
    """Title and text of an HTML page; links are made absolute by its URL. Raises TooComplex."""
    tree = Tree()
    tree.feed(html)
    tree.close()
    base = joined(url, tree.base) or url
    title = UNSEEN.sub("", SPACE.sub(" ", tree.title)).strip()
    start = main_part(tree.root) or tree.root
    content = Writer(base, markdown=markdown, skipped=SKIPPED | NOISE).page(start)
    if not content:
        content = Writer(base, markdown=markdown, skipped=SKIPPED - {"nav"}).page(tree.root)
    return Read(title=title, content=content)


def joined(base: str, url: str) -> str:
    """An absolute URL of the web or of mail; empty for every other kind, and for what is none."""
    try:
        whole = urljoin(base, re.sub(r"[\t\n\r]", "", url).strip())
    except ValueError:
        return ""
    return whole if whole.startswith(("http://", "https://", "mailto:")) else ""


class Writer:
    """Writes elements as text or Markdown: blocks of lines, with one empty line between them."""

    def __init__(self, base: str, *, markdown: bool, skipped: frozenset[str]) -> None:
        self.base = base
        self.markdown = markdown
        self.skipped = skipped
        self.indent = 0

    def page(self, root: Element) -> str:
        return re.sub(" +\n", "\n", "\n\n".join(self.blocks(root))).strip("\n")

    def blocks(self, element: Element) -> Iterator[str]:
        """The blocks inside an element; what lies between block elements is a paragraph of its own."""
        run: list[Element | str] = []
        for child in element.children:
            if isinstance(child, Element) and self.hidden(child):
                continue
            if isinstance(child, str) or not self.has_blocks(child):
                run.append(child)
                continue
            yield from self.paragraph(run)
            run = []
            yield from self.block(child)
        yield from self.paragraph(run)

    def hidden(self, element: Element) -> bool:
        attributes = element.attributes
        role = attributes.get("role") == "navigation" and "nav" in self.skipped
        return element.tag in self.skipped or "hidden" in attributes or attributes.get("aria-hidden") == "true" or role

    def has_blocks(self, element: Element) -> bool:
        """Whether it is a block, or an inline element around one, as in `<a><div>`."""
        waiting = [element]
        while waiting:
            one = waiting.pop()
            if one.tag in BLOCKS:
                return True
            waiting += one.elements()
        return False

    def paragraph(self, run: list["Element | str"]) -> Iterator[str]:
        text = lines("".join(self.inline(child) for child in run))
        for part in re.split("\n\n+", text) if text else ():
            yield "\\\n".join(map(guarded, part.split("\n"))) if self.markdown else part

    def block(self, element: Element) -> Iterator[str]:
        tag = element.tag
        if tag in HEADINGS:
            text = one_line(self.inside(element))
            if text:
                yield f"{'#' * HEADINGS[tag]} {text}" if self.markdown else text
        elif tag in LISTS:
            yield from self.listed(element)
        elif tag == "pre":
            yield from self.preformatted(element)
        elif tag == "blockquote":
            yield from self.quoted(element)
        elif tag == "table":
            yield from self.table(element)
        elif tag == "hr":
            yield "---" if self.markdown else "-----"
        elif tag == "dd":
            yield from self.item("- ", element)
        else:
            yield from self.blocks(element)

    def listed(self, element: Element) -> Iterator[str]:
        number = whole(element.attributes.get("start"), 1)
        items: list[str] = []
        for child in element.elements():
            if self.hidden(child):
                continue
            marker = f"{number}. " if element.tag == "ol" else "- "
            if child.tag == "li":
                items += self.item(marker, child)
                number += 1
            else:  # a list straight inside a list belongs to the item before it
                items += self.item(" " * len(marker), Element("li", {}, [child]))
        if items:
            yield "\n".join(items)

    def item(self, marker: str, element: Element) -> Iterator[str]:
        if self.indent >= DEEPEST_INDENT:
            yield from self.blocks(element)
            return
        self.indent += 1
        parts = list(self.blocks(element))
        self.indent -= 1
        if not parts:
            return
        # A list right below the text of its item needs no empty line before it.
        tight = all(child.tag in LISTS or not self.has_blocks(child) for child in element.elements())
        text = ("\n" if tight else "\n\n").join(parts)
        yield marker + indented(text, " " * len(marker))[len(marker) :]

    def quoted(self, element: Element) -> Iterator[str]:
        self.indent += 1
        parts = list(self.blocks(element))
        self.indent -= 1
        if parts:
            text = "\n\n".join(parts)
            yield indented(text, "> ") if self.indent < DEEPEST_INDENT else text

    def preformatted(self, element: Element) -> Iterator[str]:
        text = UNSEEN.sub("", raw(element)).strip("\n")
        text = "\n".join(line.rstrip() for line in text.split("\n"))
        if not text.strip():
            return
        if not self.markdown:
            yield text
            return
        fence = "`" * max(3, longest_run(text, "`") + 1)
        yield f"{fence}{language(element)}\n{text}\n{fence}"

    def table(self, element: Element) -> Iterator[str]:
        rows = [row for row in rows_of(element) if not self.hidden(row)]
        cells = [[cell for cell in row.elements() if cell.tag in ("td", "th")] for row in rows]
        widest = max(map(len, cells), default=0)
        for caption in element.elements():
            if caption.tag == "caption":
                yield from self.blocks(caption)
        if widest <= 1 or element.attributes.get("role") == "presentation" or any(map(has_table, rows)):
            for row in rows:
                for cell in row.elements():
                    yield from self.blocks(cell)
            return
        lines = [[self.cell(cell) for cell in row] for row in cells]
        lines = [line for line in lines if any(line)]
        if not lines:
            return
        if not self.markdown:
            yield "\n".join(" | ".join(line) for line in lines)
            return
        head = lines[0] + [""] * (widest - len(lines[0]))
        yield "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * widest, *lines[1:]])

    def cell(self, element: Element) -> str:
        text = one_line(self.inside(element))
        return text.replace("|", "\\|") if self.markdown else text

    def inside(self, element: Element) -> str:
        return "".join(self.inline(child) for child in element.children)

    def inline(self, child: "Element | str") -> str:
        """Text without line ends, but for those of `<br>`."""
        if isinstance(child, str):
            text = SPACE.sub(" ", UNSEEN.sub("", child))
            return escaped(text) if self.markdown else text
        tag = child.tag
        if self.hidden(child):
            return ""
        if tag in ("br", "img"):
            return "\n" if tag == "br" else self.image(child)
        if self.markdown and tag in ("code", "kbd", "samp", "tt"):
            return code(SPACE.sub(" ", UNSEEN.sub("", raw(child))))
        return self.marked(child, self.inside(child))

    def marked(self, element: Element, text: str) -> str:
        """Inline text with what its element adds to it."""
        tag = element.tag
        if tag == "q":
            return f'"{text}"'
        if tag in BLOCKS:
            return f" {text} "
        if self.markdown and tag == "a":
            return self.link(element, text)
        return wrapped(text, MARKS[tag]) if self.markdown and tag in MARKS else text

    def link(self, element: Element, text: str) -> str:
        href = element.attributes.get("href", "").strip()
        url = "" if href.startswith("#") else joined(self.base, href) if href else ""
        inner = one_line(text)
        if not inner or not url:
            return text
        before, after = text[: len(text) - len(text.lstrip(" "))], text[len(text.rstrip(" ")) :]
        return f"{before}[{inner}]({enclosed(url)}){after}"

    def image(self, element: Element) -> str:
        """Its text; without one it is decoration."""
        alt = UNSEEN.sub("", SPACE.sub(" ", element.attributes.get("alt", ""))).strip()
        if not alt:
            return ""
        source = element.attributes.get("src", "").strip()
        url = joined(self.base, source) if source else ""
        if not self.markdown:
            return alt
        return f"![{escaped(alt)}]({enclosed(url)})" if url else escaped(alt)


def whole(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else default


def language(element: Element) -> str:
    for one in (element, *element.elements()):
        found = LANGUAGE.search(one.attributes.get("class", ""))
        if found:
            return found[1]
    return ""
