"""The language of a full-text query.

Words are wanted all together, whatever their case and accents: `timeout upstream`. A `"phrase of words"` stands
together, `time*` is any word that begins so, `-word` and `-"a phrase"` must not be there, and `OR` between two is
either of them. Punctuation between words is none of them: `a.b-c` is the phrase "a b c". Nothing is a syntax error;
only a query without a word to look for, or one that is too much, is refused.
"""

import re
import unicodedata

from msgspec import Struct

from ductile.errors import BadRequest

MAX_QUERY_CHARACTERS = 1000
MAX_WORDS = 32
SHORTEST_PREFIX = 2
"""Characters before a `*`: fewer would read most of the index."""

_TERM = re.compile(r'(-)?(?:"([^"]*)"(\*)?|(\S+))')


class BadQuery(BadRequest):
    """The query cannot be searched for: {reason}."""

    code = "bad_query"


class Term(Struct, frozen=True):
    """A word, a phrase, or the first characters of a word."""

    text: str
    prefix: bool = False


class SearchQuery(Struct, frozen=True):
    """What a text must hold, of each group at least one term, and what it must not hold."""

    groups: tuple[tuple[Term, ...], ...]
    without: tuple[Term, ...] = ()


class _Written(Struct, frozen=True):
    """A term as it is written; `either`: an unquoted `OR`."""

    term: Term
    without: bool
    either: bool


def parse_query(query: str) -> SearchQuery:
    """The terms of a query. Raises BadQuery (400)."""
    if len(query) > MAX_QUERY_CHARACTERS:
        raise BadQuery(reason=f"it has {len(query)} characters; {MAX_QUERY_CHARACTERS} are possible")
    # No text holds a NUL: SQLite and PostgreSQL end their strings there.
    terms = [term for found in _TERM.finditer(query.replace("\0", " ")) if (term := _term(found)) is not None]
    if len(terms) > MAX_WORDS:
        raise BadQuery(reason=f"it has {len(terms)} words; {MAX_WORDS} are possible")
    groups = _groups([written for written in terms if not written.without])
    if not groups:
        raise BadQuery(reason="it names no word to find; a word has letters or digits, and -word only leaves out")
    return SearchQuery(groups, tuple(written.term for written in terms if written.without))


def _term(found: re.Match[str]) -> _Written | None:
    """One term; None for what has no letter and no digit."""
    minus, phrase, star, bare = found.groups()
    text, prefix = (phrase, star is not None) if bare is None else (bare.rstrip("*"), bare.endswith("*"))
    if not any(_counts(character) for character in text):
        return None
    if prefix:
        _check_prefix(text)
    return _Written(Term(text, prefix), minus is not None, either=bare == "OR" and minus is None)


def _counts(character: str) -> bool:
    """Whether a character is part of a word: a letter or a digit."""
    return unicodedata.category(character)[0] in "LN"


def _check_prefix(text: str) -> None:
    """Raise BadQuery unless the last word of the text is long enough to stand for all that begin with it."""
    length = 0
    for character in reversed(text):
        if _counts(character):
            length += 1
        elif length:
            break
    if length < SHORTEST_PREFIX:
        raise BadQuery(reason=f"{text[-20:]}* is any word that begins so; give {SHORTEST_PREFIX} characters at least")


def _groups(terms: list[_Written]) -> tuple[tuple[Term, ...], ...]:
    """The terms as groups of which any one will do. An OR that does not stand between two is a word."""
    groups: list[list[Term]] = []
    joined = False
    for n, written in enumerate(terms):
        if written.either and not joined and groups and n + 1 < len(terms):
            joined = True
        elif joined:
            groups[-1].append(written.term)
            joined = False
        else:
            groups.append([written.term])
    return tuple(tuple(group) for group in groups)
