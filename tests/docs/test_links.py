"""Every relative link of the documentation leads somewhere, anchors included."""

import re
from pathlib import Path

import pytest
from support.pages import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*(?:`[^`\n]*`[^\]\n]*)*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<title>.+?) *$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual sites make them."""
    found: set[str] = set()
    for match in HEADING.finditer(FENCE.sub("", page.read_text())):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match["title"]).replace("`", "")
        base = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        name, count = base, 0
        while name in found:
            count += 1
            name = f"{base}-{count}"
        found.add(name)
    return found


def broken(page: Path) -> list[str]:
    wrong = []
    for match in LINK.finditer(FENCE.sub("", page.read_text())):
        target, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or not there.is_relative_to(ROOT):
            wrong.append(f"{match['target']}: nothing is there")
        elif anchor and anchor not in anchors(there):
            wrong.append(f"{match['target']}: no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs/README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [
            (page.parent / match["target"].partition("#")[0]).resolve()
            for match in LINK.finditer(FENCE.sub("", page.read_text()))
            if not re.match(r"[a-z]+:|#", match["target"])
        ]
    assert {str(page.relative_to(ROOT)) for page in set((ROOT / "docs").rglob("*.md")) - seen} == set()
