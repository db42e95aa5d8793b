"""What may stand in a `manifest.yaml`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from ductile.document.fields import Flag, show, wrong
from ductile.document.problem import Path
from ductile.document.units import duration
from ductile.model.clock import Millis
from ductile.model.manifest import CommandType
from ductile.model.names import NAME, RESERVED_NAMES


def _text(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    hint = "; put quotes around it" if isinstance(value, int | float) else ""
    message = f"must be text, not {show(value) if value != '' else 'empty'}{hint}"
    raise wrong(message)


def _description(value: Any) -> str:
    return "" if value is None or value == "" else _text(value)


def _version(value: Any) -> str:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _text(value)


def _name(value: Any) -> str:
    name = _text(value)
    if not NAME.fullmatch(name):
        message = f"cannot be {show(name)}: names start with a-z or 0-9 and go on with a-z, 0-9, `_` and `-`"
        raise wrong(message)
    return name


def _plugin_name(value: Any) -> str:
    name = _name(value)
    if name in RESERVED_NAMES:
        message = f"cannot be `{name}`, which is reserved"
        raise wrong(message)
    return name


def _exactly(wanted: str | int, hint: str = "") -> BeforeValidator:
    def check(value: Any) -> str | int:
        if value != wanted or isinstance(value, bool):
            message = f"must be `{wanted}`, not {show(value)}{hint}"
            raise wrong(message)
        return wanted

    return BeforeValidator(check)


def _command_type(value: Any) -> CommandType:
    if value in tuple(CommandType):
        return CommandType(value)
    message = f"must be `read` or `write`, not {show(value)}"
    raise wrong(message)


def _lifecycle(value: Any) -> str:
    if value in ("spawn", "persistent"):
        return str(value)
    message = f"must be `spawn` or `persistent`, not {show(value)}"
    raise wrong(message)


def _duration(value: Any) -> Millis:
    try:
        millis = duration(value)
    except ValueError as error:
        message = f"must be a duration: {error}"
        raise wrong(message) from None
    if millis == 0:
        message = "must be longer than 0"
        raise wrong(message)
    return millis


def _not_yet(value: Any) -> Any:
    del value
    message = "is not in this version"
    raise wrong(message, "not_in_this_version")


def _value_name(value: Any) -> str:
    name = _text(value)
    first, *rest = name.split(".")
    if first != "payload" or not all(part == "*" or part.replace("_", "").replace("-", "").isalnum() for part in rest):
        message = f"must be a payload name such as `payload.url`, not {show(value)}"
        raise wrong(message)
    return name


def _schema(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, bool):
        return {} if value else {"not": {}}
    if value is None or isinstance(value, Mapping):
        return value
    message = f"must be a JSON Schema, or a map such as {{url: string}}, not {show(value)}"
    raise wrong(message)


_NOT_BLANK = {"type": "string", "pattern": r"\S"}
_NAMED = {"type": "string", "pattern": f"^{NAME.pattern}$"}

Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(_NOT_BLANK)]
Description = Annotated[str, BeforeValidator(_description)]
Version = Annotated[str, BeforeValidator(_version), WithJsonSchema(_NOT_BLANK)]
Name = Annotated[str, BeforeValidator(_name), WithJsonSchema(_NAMED)]
PluginName = Annotated[
    str, BeforeValidator(_plugin_name), WithJsonSchema({**_NAMED, "not": {"enum": sorted(RESERVED_NAMES)}})
]
ValueName = Annotated[
    str,
    BeforeValidator(_value_name),
    WithJsonSchema({"type": "string", "pattern": r"^payload(\.([A-Za-z0-9_-]+|\*))*$"}),
]
Schema = Annotated[
    dict[str, Any] | None,
    BeforeValidator(_schema),
    WithJsonSchema({"type": ["object", "boolean"]}),
]
Timeout = Annotated[
    Millis | None,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$|^(hour|dai|week|month)ly$"}),
]


class Part(BaseModel):
    """A map of known keys. One that is written but empty is the same as one without keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    noun: ClassVar[str] = "a manifest"
    """How a message names it: `x` is no key of <noun>."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: member for key, member in value.items() if member is not None}
        return {} if value is None else value


class Emitted(Part):
    """An event type and the payload names it carries."""

    noun: ClassVar[str] = "an entry of `emit`"
    event: Text = Field(description="The event's type.", examples=["greeter.greeted"])
    values: list[ValueName] = Field(
        default_factory=list, description="What its payload carries.", examples=[["payload.name"]]
    )


class Values(Part):
    """The names a command reads and emits."""

    noun: ClassVar[str] = "`values`"
    consume: list[ValueName] = Field(default_factory=list, description="The payload names the command reads.")
    emit: list[Emitted] = Field(default_factory=list, description="The events the command emits.")


class CommandEntry(Part):
    """One verb of the plugin."""

    noun: ClassVar[str] = "a command"
    name: Name = Field(description="`handle` is what events are sent to, and `health` says how the plugin is.")
    type: Annotated[CommandType, BeforeValidator(_command_type)] = Field(
        default=CommandType.WRITE, description="Whether it changes the world outside; decides the scope it needs."
    )
    description: Description = Field(default="", description="One sentence, for people and for agents.")
    idempotent: Flag | None = Field(
        default=None, description="Whether a second run with the same input changes nothing."
    )
    retry_safe: Flag = Field(
        default=True, description="`false`: it is not tried again after a timeout, a crash or the gateway's own death."
    )
    input_schema: Schema = Field(
        default=None, description="What a payload must look like: a JSON Schema, or the short form `{field: type}`."
    )
    output_schema: Schema = Field(default=None, description="What `result` looks like, in the same two forms.")
    timeout: Timeout = Field(default=None, description="The longest it may take.", examples=["30s", "5m"])
    values: Values = Field(default_factory=Values, description="The payload names it reads, and the events it emits.")


class ConfigKeys(Part):
    """What an instance's `config` must and may hold."""

    noun: ClassVar[str] = "`config_keys`"
    required: list[Text] = Field(default_factory=list, description="Without one of these the plugin does not run.")
    optional: list[Text] = Field(default_factory=list, description="What it reads besides.")


class When(Part):
    """When a rule applies."""

    noun: ClassVar[str] = "`when`"
    command: Text = Field(description="A command of this plugin.")


class FactEntry(Part):
    """A rule that makes each successful `state_updates` a fact."""

    noun: ClassVar[str] = "an entry of `fact_outputs`"
    when: When = Field(description="Which command's successes count.")
    source: Annotated[str, _exactly("state_updates")] = Field(
        alias="from", description="What is recorded.", json_schema_extra={"const": "state_updates"}
    )
    fact_type: Text = Field(description="The name the facts are recorded under.")
    compatibility_view: Annotated[str, _exactly("mirror_object")] = Field(
        default="mirror_object",
        description="How the last fact is seen as the plugin's state.",
        json_schema_extra={"const": "mirror_object"},
    )


class ManifestFile(Part):
    """A whole `manifest.yaml`."""

    manifest_spec: Annotated[str, _exactly("ductile.plugin")] = Field(
        description="What this file is.", json_schema_extra={"const": "ductile.plugin"}
    )
    manifest_version: Annotated[int, _exactly(1)] = Field(
        description="The version of this file's form.", json_schema_extra={"const": 1}
    )
    name: PluginName = Field(description="The plugin's name: a-z, 0-9, `_` and `-`; the same as the folder's is best.")
    version: Version = Field(description="The plugin's own version, in quotes where it looks like a number.")
    protocol: Annotated[int, _exactly(2, "; this gateway speaks no other")] = Field(
        description="The version of the conversation on stdin and stdout.", json_schema_extra={"const": 2}
    )
    entrypoint: Text = Field(
        description="The executable, as a path inside this folder.", examples=["run.py", "run.sh", "bin/run"]
    )
    description: Description = Field(default="", description="One sentence, for people and for agents.")
    concurrency_safe: Flag = Field(default=True, description="`false`: never two of it at once.")
    lifecycle: Annotated[str, BeforeValidator(_lifecycle)] = Field(
        default="spawn",
        description="`spawn`: one process for each job; `persistent`: one that answers many, a line each.",
        json_schema_extra={"enum": ["spawn", "persistent"]},
    )
    commands: list[CommandEntry] = Field(description="The plugin's verbs.", json_schema_extra={"minItems": 1})
    config_keys: ConfigKeys = Field(
        default_factory=ConfigKeys, description="What the operator's `config` must and may hold."
    )
    config_schema: Schema = Field(
        default=None, description="What the operator's `config` must look like, as a JSON Schema or in the short form."
    )
    fact_outputs: list[FactEntry] = Field(
        default_factory=list, description="Which results are recorded as facts, each beside the last."
    )
    stopwatch: Any = Field(default=None, description="Means nothing here.", json_schema_extra={"deprecated": True})
    secrets: Annotated[Any, BeforeValidator(_not_yet)] = None


_PARTS: dict[Path, type[Part]] = {
    (): ManifestFile,
    ("commands",): CommandEntry,
    ("commands", "values"): Values,
    ("commands", "values", "emit"): Emitted,
    ("config_keys",): ConfigKeys,
    ("fact_outputs",): FactEntry,
    ("fact_outputs", "when"): When,
}


def part_at(path: Path) -> type[Part]:
    """The model of the map at a path."""
    return _PARTS.get(tuple(key for key in path if isinstance(key, str)), ManifestFile)
