"""The editor's schemas and the code that reads configurations agree; they are checked in as `tests/golden/schema`."""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from ductile.config.configuration_model import configuration_model
from ductile.config.json_schema import config_schema, pipelines_schema, sections_of
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.field_descriptions import field_descriptions
from ductile.config.schema.section import Section
from ductile.document.read import read_text
from ductile.flow.dsl import PipelineModel, StepModel
from ductile.sections import SECTIONS

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/golden/schema"
CASES = sorted((ROOT / "tests/golden/config").glob("*.txt"))
MODEL = configuration_model(tuple(SECTIONS))
MADE = {"config": lambda: config_schema(SECTIONS), "pipelines": pipelines_schema}


@cache
def validator(kind: str = "config") -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(MADE[kind]())


def problems(value: Any, kind: str = "config") -> list[str]:
    return [f"{error.instance_path}: {error.message}" for error in validator(kind).iter_errors(value)]


def files_of(case: Path) -> Iterator[tuple[str, str]]:
    """The YAML files of a golden case."""
    for part in case.read_text().split("\n--- ")[1:]:
        name, _, body = part.partition("\n")
        if name.endswith(".yaml") and "manifest" not in name:
            yield name, body


@pytest.mark.parametrize("kind", MADE)
def test_the_schema_is_as_it_was_agreed(kind: str) -> None:
    text = json.dumps(MADE[kind](), indent=2, ensure_ascii=False) + "\n"
    file = GOLDEN / f"{kind}.schema.json"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("kind", MADE)
def test_the_schema_is_one(kind: str) -> None:
    Draft202012Validator.check_schema(MADE[kind]())


@pytest.mark.parametrize("path", sorted([*ROOT.glob("config/*.yaml"), *ROOT.glob("pipelines/*.yaml")]), ids=str)
def test_the_example_is_valid(path: Path) -> None:
    document = read_text(path.read_text(), file=path.name)
    assert problems(document.value) == []
    if path.parent.name == "pipelines":
        assert problems(document.value, "pipelines") == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_a_gateway_takes_an_editor_takes_too(case: Path) -> None:
    if "error[" in case.read_text().partition("\n--- expect")[2]:
        return
    for name, body in files_of(case):
        document = read_text(body, file=name)
        assert problems(document.value) == [], name


def test_an_unknown_key_and_a_value_of_the_wrong_kind_are_marked() -> None:
    marked = 0
    for case in CASES:
        files = dict(files_of(case))
        for found in re.finditer(
            r"^(.*?):\d+:\d+: error\[(unknown_key|not_in_this_version)\]: `(.*?)`", case.read_text(), re.MULTILINE
        ):
            body = files.get(found[1])
            document = read_text(body or "", file="x")
            if body is None or document.problems:
                continue
            marked += 1
            assert problems(document.value), (case.stem, found[0])
    assert marked > 30


@pytest.mark.parametrize(
    "value",
    [
        {"service": {"max_workers": 0}},
        {"service": {"log_level": "loud"}},
        {"service": {"name": 5}},
        {"api": {"listen": 80}},
        {"plugins": {"a": {"schedules": [{"command": "poll"}]}}},
        {"pipelines": [{"name": "a", "from_plugin": "c", "steps": [{"uses": "b"}]}]},
        {"pipelines": [{"name": "a", "on": "x", "steps": []}]},
        {"pipelines": [{"name": "a", "on": "x", "steps": [{"uses": "b", "call": "c"}]}]},
        {"pipelines": [{"name": "a", "on": "x", "steps": [{"uses": "b", "if": {"path": "payload.a", "op": "is"}}]}]},
        {"routes": [{"from": "a", "to": "b"}]},
        {"webhooks": {}},
    ],
)
def test_a_mistake_is_marked(value: Any) -> None:
    assert problems(value)


@pytest.mark.parametrize(
    "value",
    [
        {"service": {"max_workers": "${N}", "strict_mode": "${S:-false}", "log_level": "${L}"}},
        {"service": None, "plugins": None, "plugin_roots": None, "pipelines": None, "api": {"auth": None}},
        {"plugins": {"a": None, "b": {"timeouts": {"poll": "30s"}, "schedules": None}}},
        {"api": {"listen": [":1", "unix:/x"], "max_body_size": "1MB"}},
        {"x-anything": [1], "log_level": "debug", "database": {"path": "x"}},
        {"pipelines": [{"name": "a", "on": "x", "steps": [{"uses": "b", "if": {"not": {"all": []}}}]}]},
    ],
)
def test_what_may_be_written_is_not_marked(value: Any) -> None:
    assert problems(value) == []


def test_every_key_is_described_and_none_that_is_gone() -> None:
    sections = [MODEL, *sections_of(MODEL).values()]
    assert {"ApiSection", "Token", "ScheduleEntry", "PluginOutputSection"} <= {model.__name__ for model in sections}
    for model in (*sections, PipelineModel, StepModel):
        later = {key for key, field in model.model_fields.items() if field.annotation is Any and model in sections}
        keys = {field.alias or key for key, field in model.model_fields.items() if key not in later}
        sentences = field_descriptions(model)
        assert set(sentences) == keys
        for sentence in sentences.values():
            assert sentence[0].isupper() or sentence[0] == "`"
            assert sentence.endswith((".", "…"))


def test_two_models_of_one_name_are_refused() -> None:
    class Token(Section):
        """Another one."""

    class Twice(Configuration):
        other: Token = Token()

    with pytest.raises(ValueError, match="two models of the configuration are called `Token`"):
        sections_of(Twice)
