"""The marks of Markdown: how text is written between them, and how it stays text."""

import re
from collections.abc import Mapping

MARKS: Mapping[str, str] = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}
SPECIAL = re.compile(r"([\\`*\[\]<~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w{1,32};))")
LINE_START = re.compile(r"( {0,3})(#{1,6}(?=\s|$)|[>+-](?=\s|$)|>|[=-]+\s*$|(?:\d{1,9})(?=[.)](?:\s|$)))")


def lines(text: str) -> str:
    """Inline text without the spaces at the ends of its lines; a line is one that `<br>` has made."""
    return "\n".join(line.strip(" ") for line in re.sub(" +", " ", text).split("\n")).strip("\n")


def one_line(text: str) -> str:
    return re.sub(r"[ \n]+", " ", text).strip(" ")


def escaped(text: str) -> str:
    """Text that Markdown would read as marks, kept as text."""
    return SPECIAL.sub(r"\\\1", text)


def guarded(line: str) -> str:
    """A line of a paragraph whose beginning would make it a heading, a list or a quotation."""
    found = LINE_START.match(line)
    if not found:
        return line
    at = found.end() if found[2].isdigit() else found.end(1)
    return f"{line[:at]}\\{line[at:]}"


def wrapped(text: str, mark: str) -> str:
    """Marks stand right beside the text; spaces go outside."""
    inner = text.strip(" \n")
    if not inner:
        return text
    before, after = text[: text.index(inner)], text[text.index(inner) + len(inner) :]
    return f"{before}{mark}{inner}{mark}{after}"


def code(text: str) -> str:
    if not text.strip():
        return text
    fence = "`" * (longest_run(text, "`") + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text.strip()}{pad}{fence}"


def longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)


def enclosed(url: str) -> str:
    """A URL that no bracket or space in it cuts short."""
    return re.sub(r"[\s()<>\\]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url)


def indented(text: str, prefix: str) -> str:
    return "\n".join((prefix + line).rstrip() for line in text.split("\n"))


def whole(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else default
