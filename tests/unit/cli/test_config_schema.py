"""`ductile config schema`: a JSON document, whatever is asked for."""

import json

import pytest
import yaml

from ductile.cli.main import main
from ductile.config.json_schema import config_schema
from ductile.sections import SECTIONS

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("kind", ["config", "pipelines", "manifest"])
def test_each_kind_of_file_has_a_schema(kind: str, capsys: Captured) -> None:
    shown = {}
    for format_ in ("json", "table", "yaml"):
        assert main(["config", "schema", kind, "--format", format_]) == 0
        shown[format_] = capsys.readouterr().out
    assert json.loads(shown["json"])["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert shown["table"] == shown["json"]
    assert yaml.safe_load(shown["yaml"]) == json.loads(shown["json"])


def test_without_a_kind_it_is_the_configuration(capsys: Captured) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == config_schema(SECTIONS)


def test_another_kind_is_a_usage_error(capsys: Captured) -> None:
    assert main(["config", "schema", "plugin"]) == 2
    assert "config, pipelines, manifest" in capsys.readouterr().err
