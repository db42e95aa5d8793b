"""What the gateway tells of itself, for a small gateway that never changes. `UPDATE_GOLDEN=1` writes them anew."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.web import SCHEMA, plugin, snapshot

from ductile.describe.components import is_valid
from ductile.describe.config_view import config_view
from ductile.describe.openapi import openapi
from ductile.describe.responses import FIRST_ERROR_STATUS
from ductile.describe.skills import skills
from ductile.describe.skills_page import skills_page
from ductile.http.surfaces.error_examples import ERROR_EXAMPLES
from ductile.model.manifest import Command, CommandType
from ductile.model.snapshot import Snapshot

HERE = Path(__file__).parent


def small() -> Snapshot:
    """One plugin with a command of each kind, and one pipeline."""
    base = snapshot()
    commands = {
        "look": Command(name="look", type=CommandType.READ, description="Looks."),
        "say": Command(name="say", description="Says it.", input_schema=SCHEMA, output_schema={"type": "string"}),
    }
    made = plugin()
    echo = replace(made, manifest=replace(made.manifest, commands=commands))
    return replace(
        base,
        plugins={"echo": echo},
        unusable={},
        pipelines={"sync": base.pipelines["sync"]},
        principals={},
        warnings=(),
    )


def pretty(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"


DOCUMENTS = {
    "openapi.json": lambda: pretty(openapi(small(), "1.0.0", ERROR_EXAMPLES)),
    "skills.json": lambda: pretty(skills(small())),
    "skills.md": lambda: skills_page(small()).encode(),
    "config-view.json": lambda: pretty(config_view(small())),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_is_as_it_was_agreed(name: str) -> None:
    path, made = HERE / name, DOCUMENTS[name]()
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(made)
    assert made.decode() == path.read_text(), f"{path.name} changed; UPDATE_GOLDEN=1 writes it anew"


@pytest.fixture(scope="module")
def document() -> Any:
    return orjson.loads((HERE / "openapi.json").read_bytes())


def operations(document: Any) -> list[tuple[str, Any]]:
    return [(f"{method} {path}", one) for path, methods in document["paths"].items() for method, one in methods.items()]


def test_it_is_valid(document: Any) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_example_is_valid_by_its_schema(document: Any) -> None:
    schemas = document["components"]["schemas"]
    shown = 0
    for name, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in [*bodies, *operation["responses"].values(), *document["components"]["responses"].values()]:
            for media, content in body.get("content", {}).items():
                examples = [one["value"] for one in content.get("examples", {}).values()]
                for example in [*examples, *([content["example"]] if "example" in content else [])]:
                    assert is_valid(content["schema"], example, schemas), (name, media, example)
                    shown += 1
    assert shown > 50


def test_every_operation_shows_what_it_takes_and_answers(document: Any) -> None:
    for name, operation in operations(document):
        succeeded = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        assert succeeded, name
        for answer in [*succeeded, *([operation["requestBody"]] if "requestBody" in operation else [])]:
            content = answer.get("content", {}).get("application/json")
            assert content is None or "example" in content or "examples" in content, name
        assert operation["summary"], name


def test_every_tag_says_what_it_is_about(document: Any) -> None:
    described = {tag["name"] for tag in document["tags"] if tag.get("description")}
    assert {tag for _, operation in operations(document) for tag in operation["tags"]} == described


def test_every_error_has_an_example_and_the_one_shape(document: Any) -> None:
    for name, response in document["components"]["responses"].items():
        content = response["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}
        assert content["example"]["code"] == int(name.removeprefix("Error")) >= FIRST_ERROR_STATUS
    assert {int(name.removeprefix("Error")) for name in document["components"]["responses"]} <= set(ERROR_EXAMPLES)


def test_what_needs_a_credential_documents_401_and_403(document: Any) -> None:
    for name, operation in operations(document):
        guarded = bool(operation["security"])
        assert ({"401", "403"} <= set(operation["responses"])) == guarded, name
        assert "500" in operation["responses"], name
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= set(operation["responses"]), name
