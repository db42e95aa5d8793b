"""What may stand in a `manifest.yaml`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ductile.document.fields import Flag, show, wrong
from ductile.document.problem import Path
from ductile.document.units import duration
from ductile.model.clock import Millis
from ductile.model.manifest import NAME, RESERVED_NAMES, CommandType


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
    if value == "spawn":
        return "spawn"
    if value == "persistent":
        message = "`persistent` is not in this version; leave it out, or write `spawn`"
        raise wrong(message, "not_in_this_version")
    message = f"must be `spawn`, not {show(value)}"
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


Text = Annotated[str, BeforeValidator(_text)]
Description = Annotated[str, BeforeValidator(_description)]
Name = Annotated[str, BeforeValidator(_name)]
ValueName = Annotated[str, BeforeValidator(_value_name)]
Schema = Annotated[dict[str, Any] | None, BeforeValidator(_schema)]
Timeout = Annotated[Millis | None, BeforeValidator(_duration)]


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
    event: Text
    values: list[ValueName] = Field(default_factory=list)


class Values(Part):
    """The names a command reads and emits."""

    noun: ClassVar[str] = "`values`"
    consume: list[ValueName] = Field(default_factory=list)
    emit: list[Emitted] = Field(default_factory=list)


class CommandEntry(Part):
    """One verb of the plugin."""

    noun: ClassVar[str] = "a command"
    name: Name
    type: Annotated[CommandType, BeforeValidator(_command_type)] = CommandType.WRITE
    description: Description = ""
    idempotent: Flag | None = None
    retry_safe: Flag = True
    input_schema: Schema = None
    output_schema: Schema = None
    timeout: Timeout = None
    values: Values = Values()


class ConfigKeys(Part):
    """What an instance's `config` must and may hold."""

    noun: ClassVar[str] = "`config_keys`"
    required: list[Text] = Field(default_factory=list)
    optional: list[Text] = Field(default_factory=list)


class When(Part):
    """When a rule applies."""

    noun: ClassVar[str] = "`when`"
    command: Text


class FactEntry(Part):
    """A rule that makes each successful `state_updates` a fact."""

    noun: ClassVar[str] = "an entry of `fact_outputs`"
    when: When
    source: Annotated[str, _exactly("state_updates")] = Field(alias="from")
    fact_type: Text
    compatibility_view: Annotated[str, _exactly("mirror_object")] = "mirror_object"


class ManifestFile(Part):
    """A whole `manifest.yaml`."""

    manifest_spec: Annotated[str, _exactly("ductile.plugin")]
    manifest_version: Annotated[int, _exactly(1)]
    name: Annotated[str, BeforeValidator(_plugin_name)]
    version: Annotated[str, BeforeValidator(_version)]
    protocol: Annotated[int, _exactly(2, "; this gateway speaks no other")]
    entrypoint: Text
    description: Description = ""
    concurrency_safe: Flag = True
    lifecycle: Annotated[str, BeforeValidator(_lifecycle)] = "spawn"
    commands: list[CommandEntry]
    config_keys: ConfigKeys = ConfigKeys()
    config_schema: Schema = None
    fact_outputs: list[FactEntry] = Field(default_factory=list)
    stopwatch: Any = None
    """Published, and means nothing here."""
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
