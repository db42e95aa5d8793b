"""Queries of calls: filters, and dry runs."""

from collections.abc import Mapping, Sequence

FilterValue = str | int | Sequence[str]
"""A value of a query; a list is the same name several times."""
DRY_RUN_MEMBERS = ("dry_run", "would")
"""Members of the answer to every dry run."""


def dry_run_query(dry_run: bool) -> Mapping[str, str]:  # noqa: FBT001 - the keyword of every call that changes something
    """The query that makes a call a dry run."""
    return {"dry_run": "true"} if dry_run else {}


def filter_query(filters: Mapping[str, FilterValue | None]) -> dict[str, FilterValue]:
    """Filters as members of a query or a body: `from_` becomes `from`, True `true`, None is left out."""
    return {
        name.rstrip("_"): str(value).lower() if isinstance(value, bool) else value
        for name, value in filters.items()
        if value is not None
    }
