"""The HTTP API, from the rows that serve it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from markdown import code, table

from ductile.config.compile import compile_config
from ductile.model.route import Parameter, Route
from ductile.parts import SECTIONS, SURFACES


def default_rows() -> tuple[Route, ...]:
    """Every row, with the settings of an `api:` section that says nothing."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text("api: {}\n")
        snapshot = compile_config(path, {}, generation=1, surfaces=SURFACES, sections=SECTIONS).snapshot
    return tuple(snapshot.rows) if snapshot is not None else ()


ROWS = default_rows()


def overview() -> str:
    """All routes in one table."""
    rows = [(f"[{row.method} `{row.path}`](#{anchor(row)})", scope(row), row.summary) for row in ROWS]
    return table(("route", "scope", "does"), rows)


def details() -> str:
    """Each route with what it takes and answers."""
    return "\n".join(detail(row) for row in ROWS)


def anchor(row: Route) -> str:
    """The anchor that a heading has on the usual sites."""
    kept = "".join(one for one in title(row).lower() if one.isalnum() or one in " -_")
    return kept.replace(" ", "-")


def title(row: Route) -> str:
    """The heading of a route, without the marks of code."""
    return f"{row.method} {row.path}"


def scope(row: Route) -> str:
    """Who may call it."""
    if row.scopes is None:
        return "public"
    return " or ".join(code(one) for one in row.scopes) or "any token; see below"


def detail(row: Route) -> str:
    """One route."""
    parts = [f"### {row.method} `{row.path}`\n", f"{row.summary}. Scope: {scope(row)}.\n"]
    if row.description:
        parts.append(f"{row.description.strip()}\n")
    taken = [parameter(one) for one in row.parameters] + members(row.request)
    if taken:
        parts.append(table(("parameter", "in", "meaning"), taken))
    statuses = ", ".join(f"{status}{answered(schema)}" for status, schema in sorted(row.responses.items()))
    media = "" if row.media == ("application/json",) else f" ({', '.join(row.media)})"
    parts.append(f"Answers {statuses}{media}.\n")
    return "\n".join(parts)


def parameter(one: Parameter) -> tuple[str, str, str]:
    """A row of the query or of the headers."""
    return code(one.name), one.where, one.description


def members(schema: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """The members of the body."""
    alternatives = [schema, *(schema or {}).get("anyOf", ()), *(schema or {}).get("oneOf", ())]
    properties: dict[str, Any] = {}
    for one in alternatives:
        properties |= (one or {}).get("properties", {})
    return [(code(name), "body", one.get("description", "")) for name, one in properties.items()]


def answered(schema: Mapping[str, Any] | None) -> str:
    """The name of what a status answers with."""
    return f" `{schema['title']}`" if schema and "title" in schema else ""
