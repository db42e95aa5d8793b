"""The JSON Schema of `manifest.yaml`, from the models that read it: editors complete and check with it."""

from typing import Any

from ductile.model.program import TEXT_OUTPUT
from ductile.plugin.manifest import PROGRAM_DEFAULTS, ManifestFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LATER = ("secrets",)
"""Keys that are known, and refused."""


def manifest_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) for a manifest as parsed from YAML; top-level `x-…` keys may hold anything."""
    schema = _plain(ManifestFile.model_json_schema(by_alias=True))
    for key in _LATER:
        del schema["properties"][key]
    required = [key for key in schema["required"] if key not in PROGRAM_DEFAULTS]
    return {
        "$schema": DIALECT,
        "title": "Ductile plugin manifest",
        **schema,
        "required": required,
        "if": {"properties": {"output": {"const": TEXT_OUTPUT}}, "required": ["output"]},
        "else": {"required": list(PROGRAM_DEFAULTS)},
        "patternProperties": {"^x-": True},
    }


def _plain(schema: Any) -> Any:
    """Without what pydantic adds: titles made of names, and null, which a manifest need not write."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _plain(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    alternatives = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if len(alternatives) == 1:
        del kept["anyOf"]
        return {**alternatives[0], **kept}
    return kept
