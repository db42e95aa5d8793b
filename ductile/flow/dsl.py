"""The pipeline language as it is written: pydantic models, and every mistake in it as a problem with its YAML path.

Everything that one pipeline shows by itself is checked here: keys, types, conditions, templates, claims. What needs
the other pipelines or the plugins is checked when the pipelines are compiled.
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
from ductile.flow import baggage, condition, remap
from ductile.flow.value import kind_of
from ductile.model.clock import Millis
from ductile.model.event import STEP_SUCCEEDED

FORMS: Final = ("uses", "call", "steps", "split", "relay")
"""What a step can be; exactly one of them stands in it."""
TRIGGERS: Final = ("on", "on-hook")
"""What starts a pipeline by itself; one without either is only called."""
LATER: Final = frozenset({"relay", "for_each", "concurrency", "join", "approve", "wait", "retry", "on_error"})
"""Keys that the language has and this version does not."""


def _name(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "/" in value or not value.isprintable()):
        message = f"`{value}` is no name: it must not be empty, nor hold `/` or invisible characters"
        raise ValueError(message)
    return value


Name = Annotated[str, BeforeValidator(_name)]
Duration = Annotated[Millis, BeforeValidator(duration)]
Signal = Literal["job.completed", "job.failed", "job.timed_out", "job.dead"]
"""What `on-hook` may name."""
Text = Annotated[str, Field(min_length=1)]


class _Written(BaseModel):
    """A mapping of the language. Its own rules are reported together with the mistakes in its values."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    noun: ClassVar[str]

    @classmethod
    def rules(cls, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong between its keys; paths count from this mapping. Without rules of its own: nothing."""
        del raw
        return iter(())

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, raw: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if isinstance(raw, cls):
            return raw
        # Pydantic wraps a recursive model twice; whoever gives it a set to note that in is spared the second time.
        opened: set[int] = set() if info.context is None else info.context
        if id(raw) in opened:
            return handler(raw)
        if not isinstance(raw, Mapping):
            raise _custom(Problem(code="bad_value", message=f"{cls.noun} must be a mapping, not {kind_of(raw)}"))
        problems = dict.fromkeys(cls.rules(raw))  # a set in order
        opened.add(id(raw))
        try:
            model = handler(raw)
        except ValidationError as error:
            problems |= dict.fromkeys(cls._explained(error, raw))
        finally:
            opened.discard(id(raw))
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, [_detail(problem) for problem in problems])
        return model

    @classmethod
    def _explained(cls, error: ValidationError, raw: Mapping[str, Any]) -> Iterator[Problem]:
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
                yield Problem(code="bad_value", message=_sentence(path, found), path=path)
            elif not any(did_you_mean(wrong, [key]) for wrong in unknown):
                yield Problem(code="missing", message=f"{cls.noun} needs `{key}`", path=path[:-1])


def _unknown_key(key: str, path: Path, noun: str, known: Sequence[str]) -> Problem:
    if key in LATER:
        return Problem(code="not_in_this_version", message=f"`{key}` is not in this version", path=path)
    return Problem(code="unknown_key", message=f"`{key}` is no key of {noun}{did_you_mean(key, known)}", path=path)


def _custom(problem: Problem) -> PydanticCustomError:
    return PydanticCustomError(problem.code, "{message}", {"message": problem.message})


def _detail(problem: Problem) -> InitErrorDetails:
    return InitErrorDetails(type=_custom(problem), loc=problem.path, input=None)


_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "int_type": "a whole number",
    "string_too_short": "text that is not empty",
    "too_short": "a list of at least one step",
    "greater_than_equal": "0 or more",
}


def _sentence(path: Path, found: Any) -> str:
    """What pydantic found, in the words that an operator uses."""
    key, kind, given = ".".join(map(str, path)), found["type"], found["input"]
    if kind == "value_error":
        return f"`{key}`: {found['ctx']['error']}"
    if kind == "literal_error":
        expected = found["ctx"]["expected"].replace("'", "`")
        return f"`{key}` must be {expected}, not `{given}`{did_you_mean(str(given), expected.split('`'))}"
    if kind not in _EXPECTED:
        return f"`{key}`: {found['msg']}"
    instead = f", not {kind_of(given)}" if kind.endswith("_type") else ""
    quoted = "; put it in quotes" if kind == "string_type" and isinstance(given, int | float) else ""
    return f"`{key}` must be {_EXPECTED[kind]}{instead}{quoted}"


def _empty(raw: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Problem]:
    """The optional keys that stand there without a value."""
    for key in keys if None in raw.values() else ():
        if key in raw and raw[key] is None:
            yield Problem(code="missing", message=f"`{key}` has no value; give it one or take the key out", path=(key,))


class StepModel(_Written):
    """One step: exactly one of `uses`, `call`, `steps` and `split`, and what may stand beside it."""

    noun = "a step"

    id: Name | None = None
    uses: Text | None = None
    call: Text | None = None
    steps: Annotated[list["StepModel"], Field(min_length=1)] | None = None
    split: Annotated[list["StepModel"], Field(min_length=1)] | None = None
    condition: dict[str, Any] | None = Field(default=None, alias="if")
    remap: dict[str, Any] | None = Field(default=None, alias="with")
    baggage: dict[str, Any] | None = None

    @classmethod
    def rules(cls, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """Exactly one form; `with` and `baggage` beside `uses` alone; sound conditions, templates and claims."""
        yield from _empty(raw, ("id", "uses", "call", "steps", "split", "if", "with", "baggage"))
        yield from _form_faults(raw, cls.model_fields)
        if isinstance(raw.get("if"), Mapping):
            roots = condition.ROOTS if "uses" in raw else condition.PIPELINE_ROOTS
            yield from condition.check(raw["if"], roots, ("if",))
        for key, check in (("with", remap.check), ("baggage", baggage.check)):
            if isinstance(raw.get(key), Mapping):
                yield from check(raw[key], (key,))
            if key in raw and "uses" not in raw and any(form in raw for form in FORMS):
                yield Problem(code="bad_value", message=f"`{key}` stands beside `uses` alone", path=(key,))


def _form_faults(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Problem]:
    forms = [form for form in FORMS if form in raw]
    if len(forms) > 1:
        listed = " and ".join(f"`{form}`" for form in forms)
        yield Problem(
            code="bad_value", message=f"a step is exactly one thing, and this has {listed}: make them two steps"
        )
    if not forms and raw.keys() <= {"if", "with", *fields} - {"condition", "remap"}:
        yield Problem(code="missing", message="a step needs one of `uses`, `call`, `steps` and `split`")


class PipelineModel(_Written):
    """One entry of `pipelines`."""

    noun = "a pipeline"

    name: Name
    on: Text | None = None
    on_hook: Signal | None = Field(default=None, alias="on-hook")
    from_plugin: Text | None = None
    condition: dict[str, Any] | None = Field(default=None, alias="if")
    max_depth: Annotated[int, Field(ge=0)] = 0
    execution_mode: Literal["async", "asynchronous", "synchronous"] = "async"
    timeout: Duration | None = None
    steps: Annotated[list[StepModel], Field(min_length=1)]

    _place: Path = PrivateAttr(default=())
    _text: bytes | None = PrivateAttr(default=None)
    _sound: bool = PrivateAttr(default=True)
    _steps: tuple[tuple["StepModel", Path], ...] | None = PrivateAttr(default=None)

    @property
    def place(self) -> Path:
        """The YAML path it stands at."""
        return cast("Path", self._kept("_place"))

    @property
    def text(self) -> bytes | None:
        """All that was written of it, for `parsed`; None where that cannot be said."""
        return cast("bytes | None", self._kept("_text"))

    @property
    def sound(self) -> bool:
        """False where only its name could be read: others may call it, but it cannot be compiled."""
        return cast("bool", self._kept("_sound"))

    def placed(self, place: Path) -> Self:
        """The same pipeline, standing at that YAML path."""
        copy = self.model_copy()
        copy._place, copy._steps = place, None  # noqa: SLF001  # its own class
        return copy

    def every_step(self) -> Sequence[tuple[StepModel, Path]]:
        """Each step, groups before what they hold, with the YAML path it stands at."""
        steps: Sequence[tuple[StepModel, Path]] | None = self._kept("_steps")
        if steps is None:
            steps = self._steps = tuple(_every(self.steps, (*self.place, "steps")))
        return steps

    def _kept(self, name: str) -> Any:
        """Something private. Asked by its name alone, pydantic takes forty times as long to find it."""
        return (self.__pydantic_private__ or {})[name]

    @classmethod
    def rules(cls, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """One trigger at the most; what chooses among events stands beside one; a condition of payload and context."""
        yield from _empty(raw, ("on", "on-hook", "from_plugin", "if", "timeout"))
        if "on" in raw and "on-hook" in raw:
            yield Problem(code="bad_value", message="a pipeline has `on` or `on-hook`, not both", path=("on-hook",))
        elif not any(key in TRIGGERS or did_you_mean(str(key), TRIGGERS) for key in raw):
            yield from _choosing_nothing(raw)
        if raw.get("on") == STEP_SUCCEEDED:
            message = f"`{STEP_SUCCEEDED}` only continues a run and starts nothing; choose another event type"
            yield Problem(code="bad_value", message=message, path=("on",))
        if isinstance(raw.get("if"), Mapping):
            yield from condition.check(raw["if"], condition.PIPELINE_ROOTS, ("if",))


def _choosing_nothing(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """The keys that choose among events, in a pipeline that no event starts."""
    for key in ("from_plugin", "if"):
        if key in raw:
            message = (
                f"`{key}` chooses among the events that start a pipeline, and none starts this: "
                "give it `on` or `on-hook`, or take the key out"
            )
            yield Problem(code="bad_value", message=message, path=(key,))


def _every(steps: Sequence[StepModel], at: Path) -> Iterator[tuple[StepModel, Path]]:
    for index, step in enumerate(steps):
        yield step, (*at, index)
        yield from _every(step.steps or (), (*at, index, "steps"))
        yield from _every(step.split or (), (*at, index, "split"))
