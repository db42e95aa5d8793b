"""The documentation page: it lists and explains the operations in a browser that reaches nothing but the gateway."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from support.browser import found, opened
from support.gateway import Gateway

STATIC = Path(__file__).parents[2] / "ductile/http/static"


@pytest.fixture(scope="module")
def browser() -> str:
    return found()


@pytest.fixture(scope="module")
def seen(sample: Gateway, browser: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """The page opened at one operation, as a browser has made it that finds no host but the gateway; its complaints."""
    host, port = sample.address
    return opened(browser, host, f"http://{host}:{port}/docs#/shell/shell__say", tmp_path_factory.mktemp("browser"))


def test_the_page_lists_every_operation_and_complains_of_nothing(sample: Gateway, seen: tuple[str, list[str]]) -> None:
    dom, said = seen
    assert set(re.findall(r'data-path="([^"]*)"', dom)) == set(sample.get("/openapi.json")["paths"])
    assert "Says it." in dom
    assert "Authorize" in dom
    assert "Schemas" in dom
    assert said == []


def test_an_operation_is_explained_and_can_be_tried(seen: tuple[str, list[str]]) -> None:
    dom, _ = seen
    operation = dom[dom.index('id="operations-shell-shell__say"') :]
    assert "Execute" in operation
    assert "Idempotency-Key" in operation
    assert re.search(r'<textarea[^>]*>\s*{\s*"message": "text"', operation)


def test_the_page_is_one_file_that_needs_no_other_and_lets_none_in(sample: Gateway) -> None:
    answer = sample.call("GET", "/docs", token=None)
    html = answer.raw.decode()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r"<(?:script|img|iframe|link)[^>]* (?:src|href)=\"(?!data:)", html) == []
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    scripts = re.findall(r"^<script>(.*?)</script>$", html, re.DOTALL | re.MULTILINE)
    assert policy["script-src"].split() == [digest(script) for script in scripts]
    assert not any("<!--" in script for script in scripts)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_the_page_is_not_sent_again_to_who_has_it(sample: Gateway) -> None:
    tag = sample.call("GET", "/docs", token=None).headers["etag"]
    assert sample.call("GET", "/docs", token=None, headers={"If-None-Match": tag}).status == 304
    assert sample.call("HEAD", "/docs/", token=None, headers={"If-None-Match": tag}).status == 304
    assert sample.call("HEAD", "/docs", token=None).headers["content-type"] == "text/html; charset=utf-8"


def test_what_ships_is_what_was_published() -> None:
    readme = (STATIC / "swagger-ui/README.md").read_text()
    sums = dict(re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", readme))
    assert sums == {name: sha256((STATIC / "swagger-ui" / name).read_bytes()).hexdigest() for name in sums}
    assert set(sums) == {"swagger-ui-bundle.js", "swagger-ui.css"}
    assert "Apache License" in (STATIC / "swagger-ui/LICENSE").read_text()
