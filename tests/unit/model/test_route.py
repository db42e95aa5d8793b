"""Rows of endpoints, and the groups that give them."""

from typing import Any

from ductile.model.route import Route, Surface, fixed_surface, rows_of


async def nothing(_: Any) -> None:
    """A handler."""


def row(path: str) -> Route:
    return Route(method="GET", path=path, handler=nothing, summary=path)


def test_a_group_has_the_rows_of_the_snapshot_it_is_asked_for() -> None:
    surfaces = [
        fixed_surface("jobs", [row("/jobs")]),
        Surface(name="plugins", rows=lambda names: [row(f"/ext/{name}") for name in names]),
    ]
    assert [one.path for one in rows_of(surfaces, ["a", "b"])] == ["/jobs", "/ext/a", "/ext/b"]
    assert [one.path for one in rows_of(surfaces, [])] == ["/jobs"]
