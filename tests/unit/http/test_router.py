from typing import Any

import pytest

from ductile.http.router import Router
from ductile.model.route import Route


async def nothing(_: Any) -> None:
    """A handler."""


def row(method: str, path: str) -> Route:
    return Route(method=method, path=path, handler=nothing, summary=f"{method} {path}")


ROWS = [
    row("GET", "/"),
    row("GET", "/jobs"),
    row("GET", "/job/{id}"),
    row("GET", "/job/{id}/tree"),
    row("POST", "/job/{id}/cancel"),
    row("POST", "/plugin/{plugin}/{command}"),
    row("GET", "/plugin/{name}/openapi.json"),
    row("GET", "/thing/{id}"),
    row("DELETE", "/thing/{id}"),
    row("GET", "/thing/special"),
]


@pytest.fixture
def router() -> Router:
    return Router(ROWS)


@pytest.mark.parametrize(
    ("method", "path", "found", "values"),
    [
        ("GET", "/", "/", {}),
        ("GET", "/jobs", "/jobs", {}),
        ("GET", "/jobs/", "/jobs", {}),
        ("GET", "/%6aobs", "/jobs", {}),
        ("GET", "/job/1", "/job/{id}", {"id": "1"}),
        ("GET", "/job/1/tree/", "/job/{id}/tree", {"id": "1"}),
        ("POST", "/job/1/cancel", "/job/{id}/cancel", {"id": "1"}),
        ("GET", "/job/a%2Fb", "/job/{id}", {"id": "a/b"}),
        ("GET", "/job/a%252Fb", "/job/{id}", {"id": "a%2Fb"}),
        ("GET", "/job/a%20b", "/job/{id}", {"id": "a b"}),
        ("GET", "/job/%FF", "/job/{id}", {"id": "\ufffd"}),
        ("POST", "/plugin/echo/poll", "/plugin/{plugin}/{command}", {"plugin": "echo", "command": "poll"}),
        ("GET", "/plugin/echo/openapi.json", "/plugin/{name}/openapi.json", {"name": "echo"}),
        ("GET", "/thing/special", "/thing/special", {}),
        ("GET", "/thing/other", "/thing/{id}", {"id": "other"}),
        ("DELETE", "/thing/other", "/thing/{id}", {"id": "other"}),
    ],
)
def test_a_path_finds_its_row_and_values(
    router: Router, method: str, path: str, found: str, values: dict[str, str]
) -> None:
    match = router.match(method, path)
    assert match is not None
    assert (match.route.path, match.route.method, match.path) == (found, method, values)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/job"),
        ("GET", "/job/"),
        ("GET", "/job//tree"),
        ("GET", "/job/1/tree/more"),
        ("GET", "//jobs"),
        ("GET", "/job%2F1"),
        ("GET", "/Jobs"),
        ("POST", "/jobs"),
        ("PUT", "/thing/other"),
        ("GET", "*"),
    ],
)
def test_any_other_path_or_method_finds_nothing(router: Router, method: str, path: str) -> None:
    assert router.match(method, path) is None


def test_head_finds_what_get_finds(router: Router) -> None:
    match = router.match("HEAD", "/job/1")
    assert match is not None
    assert match.route.method == "GET"
    assert router.match("HEAD", "/job/1/cancel") is None


def test_the_methods_of_a_path_are_told(router: Router) -> None:
    assert set(router.methods("/thing/other")) == {"GET", "DELETE"}
    assert router.methods("/thing/other")["DELETE"].path == {"id": "other"}
    assert router.methods("/nothing") == {}


def test_rows_stay_in_their_order(router: Router) -> None:
    assert list(router.rows) == ROWS


@pytest.mark.parametrize(
    ("path", "found", "values"),
    [
        ("/files", "/files/{path*}", {"path": ""}),
        ("/files/", "/files/{path*}", {"path": ""}),
        ("/files/a", "/files/{path*}", {"path": "a"}),
        ("/files/a/b%20c/d.txt", "/files/{path*}", {"path": "a/b c/d.txt"}),
        ("/files/special", "/files/special", {}),
        ("/files/shared/a/b", "/files/shared/{path*}", {"path": "a/b"}),
        ("/files/shared", "/files/shared/{path*}", {"path": ""}),
        ("/ext/one/x/y", "/ext/{name}/{path*}", {"name": "one", "path": "x/y"}),
        ("/ext/one", "/ext/{name}", {"name": "one"}),
    ],
)
def test_a_tail_stands_for_all_segments_that_are_left(path: str, found: str, values: dict[str, str]) -> None:
    paths = ["/files/{path*}", "/files/special", "/files/shared/{path*}", "/ext/{name}/{path*}", "/ext/{name}"]
    match = Router([row("GET", one) for one in paths]).match("GET", path)
    assert match is not None
    assert (match.route.path, match.path) == (found, values)


@pytest.mark.parametrize("path", ["/file/a", "/ext", "/ext/", "/ext//a"])
def test_a_tail_needs_the_segments_before_it(path: str) -> None:
    assert Router([row("GET", "/files/{path*}"), row("GET", "/ext/{name}/{path*}")]).match("GET", path) is None


def test_a_row_of_any_method_answers_the_methods_without_a_row() -> None:
    router = Router([row("*", "/mount/{path*}"), row("GET", "/mount/{path*}")])
    found = {method: router.match(method, "/mount/a") for method in ("GET", "HEAD", "PATCH", "OPTIONS")}
    methods = {method: match and match.route.method for method, match in found.items()}
    assert methods == {"GET": "GET", "HEAD": "GET", "PATCH": "*", "OPTIONS": "*"}
