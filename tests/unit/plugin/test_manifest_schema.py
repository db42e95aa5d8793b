"""The editor's schema of a manifest and the model that reads it agree."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from ductile.document.read import read_text
from ductile.plugin.manifest_parser import parse_manifest
from ductile.plugin.manifest_schema import manifest_schema

ROOT = Path(__file__).parents[3]
MANIFESTS = sorted([*ROOT.glob("plugins/*/manifest.yaml"), *ROOT.glob("tests/conformance/plugins/*/manifest.yaml")])
SOUND: dict[str, Any] = {
    "manifest_spec": "ductile.plugin",
    "manifest_version": 1,
    "name": "demo",
    "version": "1.0.0",
    "protocol": 2,
    "entrypoint": "run.sh",
    "commands": [{"name": "poll", "type": "read"}],
}


def is_valid(manifest: dict[str, Any]) -> bool:
    return jsonschema_rs.validator_for(manifest_schema()).is_valid(manifest)


def is_read(manifest: dict[str, Any]) -> bool:
    found, _ = parse_manifest(read_text(yaml.safe_dump(manifest), file="m.yaml"))
    return found is not None


def command(**keys: Any) -> dict[str, Any]:
    return {"commands": [{"name": "poll", **keys}]}


def test_the_schema_is_one() -> None:
    jsonschema_rs.meta.validate(manifest_schema())


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_a_manifest_that_stands_here_is_valid(path: Path) -> None:
    assert is_valid(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"output": "text", "exit_codes": {"1": {"status": "ok", "name": "warning"}}},
        {"output": "json", "commands": [{"name": "run", "output": "text", "args": ["-p", ["-x", "{payload.x}"], 5]}]},
        {
            "output": "text",
            "commands": [{"name": "run", "args": [{"when": "payload.v", "args": ["-v"]}], "stdin": "x"}],
        },
        {"x-note": {"any": "thing"}},
        {"description": "", "concurrency_safe": False, "lifecycle": "persistent", "stopwatch": {"anything": 1}},
        command(timeout="1h30m"),
        command(timeout="daily", input_schema={"url": "string"}, output_schema=True),
        command(values={"consume": ["payload.*", "payload"], "emit": [{"event": "a.b", "values": ["payload.x.y"]}]}),
        {"fact_outputs": [{"when": {"command": "poll"}, "from": "state_updates", "fact_type": "x"}]},
        {"config_keys": {"required": ["url"], "optional": []}, "config_schema": {"type": "object"}},
    ],
)
def test_what_is_read_is_valid(change: dict[str, Any]) -> None:
    assert is_read(SOUND | change)
    assert is_valid(SOUND | change)


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "x"},
        {"output": "xml"},
        {"output": "text", "exit_codes": {"256": {"status": "ok"}}},
        {"output": "text", "exit_codes": {"1": {"status": "maybe"}}},
        {"output": "text", "commands": [{"name": "run", "args": [{"payload.x": None}]}]},
        {"output": "text", "commands": [{"name": "run", "args": [[]]}]},
        {"name": "core"},
        {"name": "Demo"},
        {"name": "de mo"},
        {"name": 1},
        {"version": ""},
        {"protocol": 1},
        {"manifest_version": 2},
        {"manifest_spec": "other"},
        {"commands": []},
        {"entrypoint": " "},
        {"lifecycle": "forever"},
        {"secrets": []},
        {"concurrency_safe": "perhaps"},
        command(type="delete"),
        command(idempotant=True),
        command(timeout="5"),
        command(input_schema="string"),
        command(values={"consume": ["url"]}),
        command(values={"emit": [{"values": []}]}),
        {"fact_outputs": [{"when": {"command": "poll"}, "from": "result", "fact_type": "x"}]},
        {"config_keys": ["url"]},
    ],
)
def test_what_is_refused_is_not_valid(change: dict[str, Any]) -> None:
    assert not is_read(SOUND | change)
    assert not is_valid(SOUND | change)


@pytest.mark.parametrize("key", sorted(SOUND))
def test_what_must_be_there_is_required(key: str) -> None:
    manifest = {name: value for name, value in SOUND.items() if name != key}
    assert not is_read(manifest)
    assert not is_valid(manifest)


def test_a_plain_program_need_not_say_what_only_others_speak() -> None:
    manifest = {key: SOUND[key] for key in ("manifest_spec", "manifest_version", "name", "entrypoint")}
    assert is_read({**manifest, "output": "text"})
    assert is_valid({**manifest, "output": "text"})
    assert not is_read({**manifest, "output": "json"})
    assert not is_valid({**manifest, "output": "json"})


def test_every_key_says_what_it_is_for() -> None:
    schema = manifest_schema()
    objects = [schema, *schema["$defs"].values()]
    silent = [
        name for one in objects for name, key in one.get("properties", {}).items() if not key.get("description", "")
    ]
    assert silent == []
