"""The language of a full-text query: small, forgiving, and never SQLite's own."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ductile.model.search_query import MAX_QUERY_CHARACTERS, MAX_WORDS, BadQuery, parse_query
from ductile.store.sqlite.search.expression import render


@pytest.fixture(scope="module")
def texts() -> Iterator[sqlite3.Connection]:
    """Three texts, as the store would index them."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5(error, stderr)")
    rows = [
        ("Timeout while calling upstream.example.com", "retry 1 of 4"),
        ("upstream calling: refused", "naïve CAFÉ time"),
        ("nothing or else", 'a.b-c /var/log/syslog user@example.com {"key": "value"} --dry-run 100%'),
    ]
    connection.executemany("INSERT INTO texts (error, stderr) VALUES (?, ?)", rows)
    yield connection
    connection.close()


def found(texts: sqlite3.Connection, query: str) -> list[int]:
    rows = texts.execute("SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rowid", (render(parse_query(query)),))
    return [row_id for (row_id,) in rows]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("upstream", [1, 2]),
        ("UPSTREAM", [1, 2]),
        ("upstream timeout", [1]),
        ("timeout naive", []),
        ("timeout retry", [1]),
        ("cafe", [2]),
        ('"calling upstream"', [1]),
        ('"upstream calling"', [2]),
        ("calling upstream", [1, 2]),
        ("time", [2]),
        ("time*", [1, 2]),
        ('"calling upst"*', [1]),
        ("upstream -refused", [1]),
        ('upstream -"calling upstream"', [2]),
        ("-refused upstream", [1]),
        ("refused OR timeout", [1, 2]),
        ("upstream refused OR timeout OR nothing", [1, 2]),
        ("refused or timeout", []),
        ("nothing or", [3]),
        ("OR else", [3]),
        ("nothing OR", [3]),
        ("refused OR OR", [2, 3]),
        ("OR", [3]),
        ("nothing OR -timeout", [3]),
        ("a.b-c", [3]),
        ("c-b-a", []),
        ("/var/log", [3]),
        ("user@example.com", [3]),
        ('{"key": "value"}', [3]),
        ('{"value": "key"}', [3]),
        ("'100%'", [3]),
        ("upstream !!! ??? -", [1, 2]),
        ('"calling', [1, 2]),
        ('call"ing', []),
        ("error:timeout", []),
        ("NEAR(upstream calling)", []),
        ("upstream AND timeout", []),
        ("upstream NOT timeout", []),
        ("^upstream", [1, 2]),
        ("upstream\0timeout", [1]),
        ("\u2003upstream\u2003timeout\n", [1]),
    ],
)
def test_a_query_finds_what_it_says(texts: sqlite3.Connection, query: str, rows: list[int]) -> None:
    assert found(texts, query) == rows


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "names no word"),
        ("   ", "names no word"),
        ("!!! ***", "names no word"),
        ('""', "names no word"),
        ("\0", "names no word"),
        ("-only", "names no word"),
        ("t*", "2 characters at least"),
        ("long-t*", "2 characters at least"),
        ("long t_*", "2 characters at least"),
        ("-t*", "2 characters at least"),
        ("a " * (MAX_WORDS + 1), f"{MAX_WORDS} are possible"),
        ("x" * (MAX_QUERY_CHARACTERS + 1), f"{MAX_QUERY_CHARACTERS} are possible"),
        ("x" * 100_000, "100000 characters"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_the_reason(query: str, reason: str) -> None:
    with pytest.raises(BadQuery, match=reason) as refused:
        render(parse_query(query))
    assert (refused.value.status, refused.value.code) == (400, "bad_query")


def test_as_much_as_is_possible_is_searched_for(texts: sqlite3.Connection) -> None:
    assert found(texts, "x" * MAX_QUERY_CHARACTERS) == []
    assert found(texts, " ".join(["-upstream"] * (MAX_WORDS - 1) + ["nothing"])) == [3]
    assert found(texts, " OR ".join(["upstream"] * (MAX_WORDS // 2))) == [1, 2]


WORDS = st.sampled_from(
    ['"', "'", "*", "-", "(", ")", "{", "}", ":", "^", "+", ",", "\\", "\0", " ", "\n", "OR", "AND", "NOT", "NEAR",
     "facets", "error", "rowid", "upstream", "\ud800", "é", "日本", "\u0301", "\U0001f389", "\ufffd", "texts"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=40).map("".join), st.lists(WORDS).map(" ".join)))
@example('"" OR "')
@example("\u0345* \u02bc")
def test_any_text_is_searched_for_or_refused(texts: sqlite3.Connection, query: str) -> None:
    query = query.encode(errors="replace").decode()  # as a server decodes it
    try:
        expression = render(parse_query(query))
    except BadQuery:
        return
    wrapped = f'({{error stderr}} : ({expression})) AND error : "nobody"'
    assert texts.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (wrapped,)).fetchall() == []
    texts.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (expression,)).fetchall()


@given(st.text(alphabet=st.characters(categories=("L", "N"), max_codepoint=0x2FFF), min_size=1, max_size=20))
def test_a_word_that_was_indexed_is_found(word: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5(error)")
    connection.execute("INSERT INTO texts (error) VALUES (?)", (f"before {word} behind",))
    rows = connection.execute(
        "SELECT rowid FROM texts WHERE texts MATCH ?", (render(parse_query(f'"{word}"')),)
    ).fetchall()
    connection.close()
    # SQLite's tables of letters are older than Python's: a letter that they lack is no word of theirs, on both sides.
    assert rows == [(1,)] or not word.isascii()
