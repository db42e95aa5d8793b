"""In which charset a page is."""

import codecs
import re

CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
NAMES = (
    "utf-8 utf-16 utf-16-le utf-16-be cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp866 cp874 "
    "iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-10 iso8859-13 iso8859-14 iso8859-15 "
    "iso8859-16 koi8-r koi8-u mac-roman shift_jis euc_jp iso2022_jp gb18030 big5 euc_kr"
)
CHARSETS = frozenset(codecs.lookup(name).name for name in NAMES.split())
"""What a page may name; Python knows others that are no charsets at all."""
WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gbk": "gb18030", "gb2312": "gb18030"}
"""What pages that claim the first are really in."""
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
META = re.compile(rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([a-zA-Z0-9_:.-]{1,40})""")
XML = re.compile(rb"""<\?xml[^>]{0,200}?encoding=["']([a-zA-Z0-9_:.-]{1,40})""")
META_WITHIN = 4096
"""Bytes from the start of a page in which it may say its charset."""


def known_charset(label: str | None) -> str | None:
    """Python's name of a charset of the web; None for one that is unknown, or no charset at all."""
    try:
        name = codecs.lookup((label or "").strip("\"' ")).name
    except (LookupError, ValueError):
        return None
    name = WIDER.get(name, name)
    return name if name in CHARSETS else None


def printable(text: str) -> str:
    """Text without control characters, which mean nothing in a page."""
    return CONTROL.sub("", text)


def decoded(body: bytes, charset: str | None) -> str:
    """The text of a body: by its mark, by the charset its header names, by what it says itself, else UTF-8 if it is."""
    for bom, marked in BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(marked, "replace")
    start = body[:META_WITHIN].lower()
    said = META.search(start) or XML.search(start)
    inside = known_charset(said[1].decode("ascii")) if said else None
    if inside is not None and inside.startswith("utf-16"):
        inside = "utf-8"  # it was read as ASCII, so that it cannot be
    name = known_charset(charset) or inside
    if name is not None:
        return body.decode(name, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")
