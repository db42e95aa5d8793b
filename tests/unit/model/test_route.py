from typing import Any

import pytest
from msgspec.structs import replace

from ductile.model.route import Matcher, Route


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
def matcher() -> Matcher:
    return Matcher(ROWS)


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
    matcher: Matcher, method: str, path: str, found: str, values: dict[str, str]
) -> None:
    match = matcher.match(method, path)
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
def test_any_other_path_or_method_finds_nothing(matcher: Matcher, method: str, path: str) -> None:
    assert matcher.match(method, path) is None


def test_head_finds_what_get_finds(matcher: Matcher) -> None:
    match = matcher.match("HEAD", "/job/1")
    assert match is not None
    assert match.route.method == "GET"
    assert matcher.match("HEAD", "/job/1/cancel") is None


def test_the_methods_of_a_path_are_told(matcher: Matcher) -> None:
    assert set(matcher.methods("/thing/other")) == {"GET", "DELETE"}
    assert matcher.methods("/thing/other")["DELETE"].path == {"id": "other"}
    assert matcher.methods("/nothing") == {}


def test_rows_stay_in_their_order(matcher: Matcher) -> None:
    assert list(matcher.rows) == ROWS


def test_a_row_may_depend_on_the_configuration_and_goes_back_with_it() -> None:
    plain = row("GET", "/jobs")
    varied = replace(row("GET", "/metrics"), scopes=None, under=lambda one, api: replace(one, scopes=(api,)))
    written = Matcher([plain, varied])
    first = written.under("jobs:ro")
    found = first.match("GET", "/metrics")
    assert found is not None
    assert found.route.scopes == ("jobs:ro",)
    assert first.under("jobs:ro") is first
    again = first.under("*").match("GET", "/metrics")
    assert again is not None
    assert again.route.scopes == ("*",)
    unmoved = written.match("GET", "/metrics")
    assert unmoved is not None
    assert unmoved.route.scopes is None


def test_rows_that_depend_on_nothing_are_the_same_under_every_configuration() -> None:
    matcher = Matcher([row("GET", "/jobs")])
    assert matcher.under(object()) is matcher
