"""Whether what a gateway answers is what its own OpenAPI document says, asked of every answer that a test sees."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import unquote

import jsonschema_rs
import pytest

Json = Mapping[str, Any]

ERROR = {"error", "message", "code", "details", "request_id"}
JSON = "application/json"
NO_CONTENT = 204
FIRST_ERROR = 400
DATA = {"const", "enum", "example", "examples", "required"}


class Answer(Protocol):
    """What came back; headers are found by their names in small letters."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def raw(self) -> bytes: ...


@dataclass(frozen=True)
class Seen:
    """An answer that has no other form yet."""

    status: int
    headers: Mapping[str, str]
    raw: bytes


class Document:
    """An OpenAPI document."""

    def __init__(self, whole: Any) -> None:
        self.paths: Json = whole["paths"]
        self.responses: Json = whole["components"]["responses"]
        self.schemas = json.dumps(whole["components"]["schemas"], sort_keys=True)


class Conformity:
    """The document of one gateway, fetched when it is first needed, and again where an answer does not fit it."""

    def __init__(self, fetch: Callable[[], Any]) -> None:
        self._fetch = fetch
        self._document: Document | None = None

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Fail the test where the answer is not as documented: by now, for a reload may have changed the document."""
        if self._document is not None and fault(self._document, method, path, answer) is None:
            return
        whole = self._fetch()
        if whole is None:
            return  # the gateway has stopped; nobody can say any more what it documents
        self._document = Document(whole)
        wrong = fault(self._document, method, path, answer)
        if wrong is not None:
            pytest.fail(f"{method} {path} → {answer.status} is not as documented: {wrong}\n{answer.raw[:2000]!r}")


def fault(document: Document, method: str, path: str, answer: Answer) -> str | None:
    """What is wrong with an answer; None where nothing is."""
    status, body = answer.status, answer.raw
    operation = find(document, "GET" if method == "HEAD" else method, path)
    if operation is None:
        return undocumented(status, body)
    response = operation["responses"].get(str(status))
    if response is None:
        return f"the status is not documented; {', '.join(operation['responses'])} are"
    if "$ref" in response:
        response = document.responses[response["$ref"].rsplit("/", 1)[1]]
    content = response.get("content")
    if method == "HEAD" or content is None:
        return f"a body that is not documented: {body[:100]!r}" if body else None
    media = answer.headers.get("content-type", "").partition(";")[0].strip()
    if media not in content:
        return f"the media type {media!r} is not documented; {', '.join(content)} are"
    if media != JSON:
        return None
    schema = json.dumps(content[media]["schema"], sort_keys=True)
    return invalid(validator(document.schemas, schema), json.loads(body))


def undocumented(status: int, body: bytes) -> str | None:
    """What is wrong with an answer where the document names nothing: it can only be an error, or what OPTIONS gets."""
    if status == NO_CONTENT:
        return None
    if status < FIRST_ERROR:
        return "the operation is not documented"
    return "it is not the one shape of errors" if body and set(json.loads(body)) != ERROR else None


def find(document: Document, method: str, path: str) -> Any:
    """The operation for a request: that of the path itself, or of the template that fits it best."""
    wanted = [unquote(part) for part in path.partition("?")[0].removesuffix("/").split("/")] + [""] * (path == "/")
    fitting = [
        ([part.startswith("{") for part in shape], operations[method.lower()])
        for template, operations in document.paths.items()
        if method.lower() in operations and len(shape := template.split("/")) == len(wanted)
        if all(part.startswith("{") or unquote(part) == one for part, one in zip(shape, wanted, strict=True))
    ]
    return min(fitting, key=lambda one: one[0])[1] if fitting else None


def invalid(check: Any, value: Any) -> str | None:
    """How the value breaks its schema, or which members it has that the schema does not speak of."""
    for error in check.iter_errors(value):
        place = "/".join(str(part) for part in error.instance_path)
        return f"/{place}: {error.message[:500]}"
    return None


@lru_cache(maxsize=1024)
def validator(components: str, schema: str) -> Any:
    """The check of a schema within these components, each of ours taken to be all that there is."""
    schemas = {name: part if "__" in name else closed(part) for name, part in json.loads(components).items()}
    return jsonschema_rs.validator_for({**json.loads(schema), "components": {"schemas": schemas}})


def closed(schema: Any) -> Any:
    """An object schema without room for members that it does not name, and so are those within it."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: value if key in DATA else closed(value) for key, value in schema.items()}
    if isinstance(inner.get("properties"), dict):
        inner.setdefault("additionalProperties", False)
    return inner
