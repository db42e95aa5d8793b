"""A search query as an expression of SQLite's FTS5."""

from ductile.model.search_query import SearchQuery, Term


def render(query: SearchQuery) -> str:
    """The expression, every word of it quoted."""
    expression = " AND ".join(f"({' OR '.join(_quote(term) for term in group)})" for group in query.groups)
    without = " OR ".join(_quote(term) for term in query.without)
    return f"({expression}) NOT ({without})" if without else expression


def _quote(term: Term) -> str:
    escaped = term.text.replace('"', '""')
    return f'"{escaped}" *' if term.prefix else f'"{escaped}"'
