"""The pipeline language: pydantic models, and every mistake as a problem with its YAML path.

What one pipeline shows by itself is checked here: keys, types, conditions, templates, claims. What needs other
pipelines or plugins is checked when the pipelines are compiled.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.document.units import duration
from ductile.flow.baggage import check_baggage
from ductile.flow.condition import PIPELINE_ROOTS, STEP_ROOTS, check_condition
from ductile.flow.json_value import json_kind
from ductile.flow.template import check_with
from ductile.model.clock import Millis
from ductile.model.event import STEP_SUCCEEDED

STEP_FORMS: Final = ("uses", "call", "steps", "split", "relay")
"""The keys that say what a step does; a step has exactly one."""
TRIGGER_KEYS: Final = ("on", "on-hook")
"""The keys that start a pipeline; a pipeline without a trigger can only be called."""
RESERVED_KEYS: Final = frozenset({"relay", "for_each", "concurrency", "join", "approve", "wait", "retry", "on_error"})
"""Keys of the language that this version does not support."""


def _check_name(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "/" in value or not value.isprintable()):
        message = f"`{value}` is no name: it must not be empty, nor hold `/` or invisible characters"
        raise ValueError(message)
    return value


Name = Annotated[str, BeforeValidator(_check_name)]
Duration = Annotated[Millis, BeforeValidator(duration)]
LifecycleSignal = Literal["job.completed", "job.failed", "job.timed_out", "job.dead"]
"""The signals that `on-hook` may name."""
Text = Annotated[str, Field(min_length=1)]


class _DslModel(BaseModel):
    """A mapping of the language. Problems between its keys are reported together with those of its values."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    noun: ClassVar[str]

    @classmethod
    def rules(cls, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """Problems between the mapping's keys, with paths from this mapping; none unless a subclass has rules."""
        del raw
        return iter(())

    @model_validator(mode="wrap")
    @classmethod
    def _validate_with_rules(cls, raw: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if isinstance(raw, cls):
            return raw
        # Pydantic wraps a recursive model twice; a set passed as context keeps it from validating twice.
        under_validation: set[int] = set() if info.context is None else info.context
        if id(raw) in under_validation:
            return handler(raw)
        if not isinstance(raw, Mapping):
            raise _custom_error(
                Problem(code="bad_value", message=f"{cls.noun} must be a mapping, not {json_kind(raw)}")
            )
        problems = dict.fromkeys(cls.rules(raw))  # a set in order
        under_validation.add(id(raw))
        try:
            model = handler(raw)
        except ValidationError as error:
            problems |= dict.fromkeys(cls._explain_errors(error, raw))
        finally:
            under_validation.discard(id(raw))
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, [_error_details(problem) for problem in problems])
        return model

    @classmethod
    def _explain_errors(cls, error: ValidationError, raw: Mapping[str, Any]) -> Iterator[Problem]:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [str(key) for key in raw if key not in known]
        for found in error.errors(include_url=False):
            path, kind = found["loc"], found["type"]
            key = str(path[-1]) if path else ""
            if "message" in found.get("ctx", {}):  # explained already, further in
                yield Problem(code=kind, message=found["ctx"]["message"], path=path)
            elif kind == "extra_forbidden":
                yield _unknown_key(key, path, cls.noun, known)
            elif kind != "missing":
                yield Problem(code="bad_value", message=_error_sentence(path, found), path=path)
            elif not any(did_you_mean(wrong, [key]) for wrong in unknown):
                yield Problem(code="missing", message=f"{cls.noun} needs `{key}`", path=path[:-1])


def _unknown_key(key: str, path: Path, noun: str, known: Sequence[str]) -> Problem:
    if key in RESERVED_KEYS:
        return Problem(code="not_in_this_version", message=f"`{key}` is not in this version", path=path)
    return Problem(code="unknown_key", message=f"`{key}` is no key of {noun}{did_you_mean(key, known)}", path=path)


def _custom_error(problem: Problem) -> PydanticCustomError:
    return PydanticCustomError(problem.code, "{message}", {"message": problem.message})


def _error_details(problem: Problem) -> InitErrorDetails:
    return InitErrorDetails(type=_custom_error(problem), loc=problem.path, input=None)


_EXPECTED_KINDS: Mapping[str, str] = {
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "int_type": "a whole number",
    "string_too_short": "text that is not empty",
    "too_short": "a list of at least one step",
    "greater_than_equal": "0 or more",
}


def _error_sentence(path: Path, error: Any) -> str:
    """A pydantic error in an operator's words."""
    key, kind, value = ".".join(map(str, path)), error["type"], error["input"]
    if kind == "value_error":
        return f"`{key}`: {error['ctx']['error']}"
    if kind == "literal_error":
        expected = error["ctx"]["expected"].replace("'", "`")
        return f"`{key}` must be {expected}, not `{value}`{did_you_mean(str(value), expected.split('`'))}"
    if kind not in _EXPECTED_KINDS:
        return f"`{key}`: {error['msg']}"
    instead = f", not {json_kind(value)}" if kind.endswith("_type") else ""
    quoted = "; put it in quotes" if kind == "string_type" and isinstance(value, int | float) else ""
    return f"`{key}` must be {_EXPECTED_KINDS[kind]}{instead}{quoted}"


def _empty_key_problems(raw: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Problem]:
    """A problem for each optional key without a value."""
    for key in keys if None in raw.values() else ():
        if key in raw and raw[key] is None:
            yield Problem(code="missing", message=f"`{key}` has no value; give it one or take the key out", path=(key,))


class StepModel(_DslModel):
    """One step: exactly one of `uses`, `call`, `steps` and `split`, and what may stand beside it."""

    noun = "a step"

    id: Name | None = None
    """Its name in the run."""
    uses: Text | None = None
    """The plugin (its `handle`) or `plugin.command` to run."""
    call: Text | None = None
    """Another pipeline, whose steps run here."""
    steps: Annotated[list["StepModel"], Field(min_length=1)] | None = None
    """Steps one after the other."""
    split: Annotated[list["StepModel"], Field(min_length=1)] | None = None
    """Steps side by side, each from the same event."""
    condition: dict[str, Any] | None = Field(default=None, alias="if")
    """Where this does not hold, the step is passed by."""
    remap: dict[str, Any] | None = Field(default=None, alias="with")
    """Keys that are added to the payload: literals, or `"{payload.a.b}"`, `"{context.x}"`."""
    baggage: dict[str, Any] | None = None
    """Facts that later steps can use as `context`: `name: payload.x`."""

    @classmethod
    def rules(cls, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """Exactly one form; `with` and `baggage` only with `uses`; valid conditions, templates and claims."""
        yield from _empty_key_problems(raw, ("id", "uses", "call", "steps", "split", "if", "with", "baggage"))
        yield from _form_faults(raw, cls.model_fields)
        if isinstance(raw.get("if"), Mapping):
            roots = STEP_ROOTS if "uses" in raw else PIPELINE_ROOTS
            yield from check_condition(raw["if"], roots, ("if",))
        for key, check in (("with", check_with), ("baggage", check_baggage)):
            if isinstance(raw.get(key), Mapping):
                yield from check(raw[key], (key,))
            if key in raw and "uses" not in raw and any(form in raw for form in STEP_FORMS):
                yield Problem(code="bad_value", message=f"`{key}` stands beside `uses` alone", path=(key,))


def _form_faults(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Problem]:
    forms = [form for form in STEP_FORMS if form in raw]
    if len(forms) > 1:
        names = " and ".join(f"`{form}`" for form in forms)
        yield Problem(
            code="bad_value", message=f"a step is exactly one thing, and this has {names}: make them two steps"
        )
    if not forms and raw.keys() <= {"if", "with", *fields} - {"condition", "remap"}:
        yield Problem(code="missing", message="a step needs one of `uses`, `call`, `steps` and `split`")


class PipelineModel(_DslModel):
    """One entry of `pipelines`."""

    noun = "a pipeline"

    name: Name
    """Its name; `POST /pipeline/<name>` runs it."""
    on: Text | None = None
    """The type of the events that start it. Without `on` and `on-hook` only a call starts it."""
    on_hook: LifecycleSignal | None = Field(default=None, alias="on-hook")
    """The signal that starts it, sent for plugins with `notify_on_complete`."""
    from_plugin: Text | None = None
    """Only events of this plugin start it."""
    condition: dict[str, Any] | None = Field(default=None, alias="if")
    """Only events for which this holds start it; it sees payload and context."""
    max_depth: Annotated[int, Field(ge=0)] = 0
    """Steps one after the other before a branch is ended; 0 is no limit."""
    execution_mode: Literal["async", "asynchronous", "synchronous"] = "async"
    """Whether a call of it waits for its result."""
    timeout: Duration | None = None
    """How long a call of it waits before it is answered that the run goes on."""
    steps: Annotated[list[StepModel], Field(min_length=1)]
    """What runs, one after the other."""

    _path: Path = PrivateAttr(default=())
    _source: bytes | None = PrivateAttr(default=None)
    _valid: bool = PrivateAttr(default=True)
    _steps: tuple[tuple["StepModel", Path], ...] | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path:
        """The pipeline's YAML path."""
        return cast("Path", self._private("_path"))

    @property
    def source(self) -> bytes | None:
        """The pipeline's canonical text, for `pipeline_from_source`; None without one."""
        return cast("bytes | None", self._private("_source"))

    @property
    def valid(self) -> bool:
        """False where only the name could be read: others may call the pipeline, but it cannot be compiled."""
        return cast("bool", self._private("_valid"))

    def at_path(self, path: Path) -> Self:
        """A copy of the pipeline at another YAML path."""
        copy = self.model_copy()
        copy._path, copy._steps = path, None  # noqa: SLF001  # its own class
        return copy

    def walk_steps(self) -> Sequence[tuple[StepModel, Path]]:
        """Each step with its YAML path, groups before their own steps."""
        steps: Sequence[tuple[StepModel, Path]] | None = self._private("_steps")
        if steps is None:
            steps = self._steps = tuple(_walk(self.steps, (*self.path, "steps")))
        return steps

    def _private(self, name: str) -> Any:
        """A private attribute. Plain attribute access costs pydantic forty times as much."""
        return (self.__pydantic_private__ or {})[name]

    @classmethod
    def rules(cls, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """At most one trigger; filters of events only with a trigger; a condition of payload and context."""
        yield from _empty_key_problems(raw, ("on", "on-hook", "from_plugin", "if", "timeout"))
        if "on" in raw and "on-hook" in raw:
            yield Problem(code="bad_value", message="a pipeline has `on` or `on-hook`, not both", path=("on-hook",))
        elif not any(key in TRIGGER_KEYS or did_you_mean(str(key), TRIGGER_KEYS) for key in raw):
            yield from _filter_without_trigger(raw)
        if raw.get("on") == STEP_SUCCEEDED:
            message = f"`{STEP_SUCCEEDED}` only continues a run and starts nothing; choose another event type"
            yield Problem(code="bad_value", message=message, path=("on",))
        if isinstance(raw.get("if"), Mapping):
            yield from check_condition(raw["if"], PIPELINE_ROOTS, ("if",))


def _filter_without_trigger(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """A problem for each key that filters events, in a pipeline that no event starts."""
    for key in ("from_plugin", "if"):
        if key in raw:
            message = (
                f"`{key}` chooses among the events that start a pipeline, and none starts this: "
                "give it `on` or `on-hook`, or take the key out"
            )
            yield Problem(code="bad_value", message=message, path=(key,))


def _walk(steps: Sequence[StepModel], at: Path) -> Iterator[tuple[StepModel, Path]]:
    for index, step in enumerate(steps):
        yield step, (*at, index)
        yield from _walk(step.steps or (), (*at, index, "steps"))
        yield from _walk(step.split or (), (*at, index, "split"))
