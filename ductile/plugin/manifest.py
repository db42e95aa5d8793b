"""What may stand in a `manifest.yaml`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ductile.document.field_errors import Flag, refuse_later_key
from ductile.model.manifest import CommandType
from ductile.model.program import TEXT_OUTPUT
from ductile.plugin.manifest_values import (
    Arguments,
    Description,
    Name,
    Output,
    PluginName,
    Schema,
    Stdin,
    Text,
    Timeout,
    ValueName,
    Version,
    either,
    exactly,
)


class ManifestPart(BaseModel):
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


class Emitted(ManifestPart):
    """An event type and the payload names it carries."""

    noun: ClassVar[str] = "an entry of `emit`"
    event: Text = Field(description="The event's type.", examples=["greeter.greeted"])
    values: list[ValueName] = Field(
        default_factory=list, description="What its payload carries.", examples=[["payload.name"]]
    )


class Values(ManifestPart):
    """The names a command reads and emits."""

    noun: ClassVar[str] = "`values`"
    consume: list[ValueName] = Field(default_factory=list, description="The payload names the command reads.")
    emit: list[Emitted] = Field(default_factory=list, description="The events the command emits.")


class ExitCodeEntry(ManifestPart):
    """What an exit code of a plain program means."""

    noun: ClassVar[str] = "an exit code"
    status: Annotated[str, either("ok", "error")] = Field(
        description="Whether it is a success.", json_schema_extra={"enum": ["ok", "error"]}
    )
    name: Name | None = Field(
        default=None, description="A word for it; the event `<plugin>.<name>` is emitted.", examples=["warning"]
    )
    retry: Flag = Field(default=True, description="`false`: an error that another try cannot mend.")


ExitCodes = Annotated[
    dict[int, ExitCodeEntry],
    Field(
        default_factory=dict,
        description="What the exit codes mean: by themselves 0 is a success and each other an error.",
        json_schema_extra={"propertyNames": {"pattern": "^(1?[0-9]?[0-9]|2[0-4][0-9]|25[0-5])$"}},
    ),
]


class CommandEntry(ManifestPart):
    """One verb of the plugin."""

    noun: ClassVar[str] = "a command"
    name: Name = Field(description="`handle` is what events are sent to, and `health` says how the plugin is.")
    type: Annotated[CommandType, either("read", "write")] = Field(
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
    output: Output = Field(
        default=None, description="`text`: a plain program, whose stdout is the result; else what the plugin says."
    )
    args: Arguments = Field(default_factory=list, description="The arguments of a plain program.")
    stdin: Stdin = Field(
        default=None, description="What a plain program reads; nothing when absent.", examples=["{payload.text}"]
    )
    exit_codes: ExitCodes


class ConfigKeys(ManifestPart):
    """What an instance's `config` must and may hold."""

    noun: ClassVar[str] = "`config_keys`"
    required: list[Text] = Field(default_factory=list, description="Without one of these the plugin does not run.")
    optional: list[Text] = Field(default_factory=list, description="What it reads besides.")


class When(ManifestPart):
    """When a rule applies."""

    noun: ClassVar[str] = "`when`"
    command: Text = Field(description="A command of this plugin.")


class FactEntry(ManifestPart):
    """A rule that makes each successful `state_updates` a fact."""

    noun: ClassVar[str] = "an entry of `fact_outputs`"
    when: When = Field(description="Which command's successes count.")
    source: Annotated[str, exactly("state_updates")] = Field(
        alias="from", description="What is recorded.", json_schema_extra={"const": "state_updates"}
    )
    fact_type: Text = Field(description="The name the facts are recorded under.")
    compatibility_view: Annotated[str, exactly("mirror_object")] = Field(
        default="mirror_object",
        description="How the last fact is seen as the plugin's state.",
        json_schema_extra={"const": "mirror_object"},
    )


PROGRAM_DEFAULTS: Mapping[str, Any] = {"version": "0", "protocol": 2, "commands": [{"name": "run"}]}
"""What a manifest with `output: text` need not say."""


class ManifestFile(ManifestPart):
    """A whole `manifest.yaml`."""

    manifest_spec: Annotated[str, exactly("ductile.plugin")] = Field(
        description="What this file is.", json_schema_extra={"const": "ductile.plugin"}
    )
    manifest_version: Annotated[int, exactly(1)] = Field(
        description="The version of this file's form.", json_schema_extra={"const": 1}
    )
    name: PluginName = Field(description="The plugin's name: a-z, 0-9, `_` and `-`; the same as the folder's is best.")
    version: Version = Field(
        description="The plugin's own version, in quotes where it looks like a number. A plain program needs none."
    )
    protocol: Annotated[int, exactly(2, "; this gateway speaks no other")] = Field(
        description="The version of the conversation on stdin and stdout. A plain program needs none.",
        json_schema_extra={"const": 2},
    )
    entrypoint: Text = Field(
        description="The executable, as a path inside this folder.", examples=["run.py", "run.sh", "bin/run"]
    )
    description: Description = Field(default="", description="One sentence, for people and for agents.")
    concurrency_safe: Flag = Field(default=True, description="`false`: never two of it at once.")
    lifecycle: Annotated[str, either("spawn", "persistent")] = Field(
        default="spawn",
        description="`spawn`: one process for each job; `persistent`: one that answers many, a line each.",
        json_schema_extra={"enum": ["spawn", "persistent"]},
    )
    output: Output = Field(
        default=None, description="`text`: its commands are plain programs; `json`: they answer in JSON, the default."
    )
    exit_codes: ExitCodes
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
    stopwatch: Any = Field(default=None, description="Means nothing here.", deprecated=True)
    secrets: Annotated[Any, BeforeValidator(refuse_later_key)] = None

    @model_validator(mode="before")
    @classmethod
    def _of_a_program(cls, value: Any) -> Any:
        """A plain program speaks no protocol, and has one command where it names none."""
        if isinstance(value, Mapping) and value.get("output") == TEXT_OUTPUT:
            return {**PROGRAM_DEFAULTS, **{key: member for key, member in value.items() if member is not None}}
        return value
