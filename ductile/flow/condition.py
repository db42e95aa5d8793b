"""`if`: conditions as data. `check_condition` finds problems at load, `evaluate` decides.

A condition is `{path, op, value?}`, `{all: […]}`, `{any: […]}` or `{not: …}`. A missing path compares as null, and so
does a null: it equals `null`, differs from anything else, and makes an operator on numbers, text or lists false. Such
an operator on a value of another type is an error. `exists` takes `value: false` to ask the opposite; without a value
it means true.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct, field

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.flow.errors import ConditionError
from ductile.flow.json_value import MISSING, json_equal, json_faults, json_kind
from ductile.flow.operand import operand_fault, operand_value, read_operand
from ductile.flow.ordering import ORDER_OPERATORS, ORDERED_KINDS, compare_order, order_kind
from ductile.model.graph import Condition

STEP_ROOTS: Final = ("payload", "context", "config")
"""First names of a path in the condition of a plugin's step."""
PIPELINE_ROOTS: Final = ("payload", "context")
"""First names of a path in the condition of a pipeline, or of a step without a plugin."""
MAX_LEVELS: Final = 8
"""How deep `all`, `any` and `not` may nest, the predicate included."""
MAX_PREDICATES: Final = 100


@lru_cache(maxsize=1024)
def _compile_pattern(pattern: str) -> Any:
    """An RE2 pattern: linear in the text, whatever the pattern. Raises `re2.error`."""
    import re2  # noqa: PLC0415 - few conditions have a pattern, and it takes 3 MB

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


_ANY_TYPE_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": json_equal,
    "neq": lambda found, wanted: not json_equal(found, wanted),
    "in": lambda found, wanted: any(json_equal(found, one) for one in wanted),
}
_TEXT_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": lambda found, wanted: found.casefold().startswith(wanted.casefold()),
    "endswith": lambda found, wanted: found.casefold().endswith(wanted.casefold()),
    "regex": lambda found, wanted: _compile_pattern(wanted).fullmatch(found) is not None,
}
OPERATORS: Final = ("exists", *_ANY_TYPE_OPERATORS, *ORDER_OPERATORS, "contains", *_TEXT_OPERATORS)
_GROUP_KEYS: Final = ("all", "any", "not")
_PREDICATE_KEYS: Final = ("path", "op", "value")


class Scope(Struct, frozen=True, kw_only=True):
    """The values that a condition may read. `config` is that of the step's plugin; empty without one."""

    payload: Mapping[str, Any]
    context: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


class ConditionResult(Struct, frozen=True, kw_only=True):
    """The result of a condition, and the values that it read: null for a missing path.

    Values of `config` are left out, because a result is stored and configuration never is.
    """

    holds: bool
    values: Mapping[str, Any]


def evaluate(condition: Condition, scope: Scope) -> ConditionResult:
    """Evaluate a checked condition, reading no more values than needed. Raises `ConditionError`."""
    values: dict[str, Any] = {}
    roots = {"payload": scope.payload, "context": scope.context, "config": scope.config}
    return ConditionResult(holds=_holds(condition, roots, values), values=values)


def _holds(condition: Condition, roots: Mapping[str, Any], values: dict[str, Any]) -> bool:
    if "all" in condition:
        return all(_holds(one, roots, values) for one in condition["all"])
    if "any" in condition:
        return any(_holds(one, roots, values) for one in condition["any"])
    if "not" in condition:
        return not _holds(condition["not"], roots, values)
    path = condition["path"]
    actual = operand_value(path, condition["op"], roots)
    if read_operand(path).root != "config":
        values[path] = None if actual is MISSING else actual
    return _compare(path, condition["op"], actual, condition.get("value", True))


def _compare(path: str, op: str, actual: Any, expected: Any) -> bool:
    if op == "exists":
        return (actual is not MISSING) is expected
    value = None if actual is MISSING else actual
    if op in _ANY_TYPE_OPERATORS:
        return _ANY_TYPE_OPERATORS[op](value, expected)
    if value is None:
        return False
    if op == "contains":
        return _contains(path, value, expected)
    if op in ORDER_OPERATORS:
        return _compare_ordered(path, op, value, expected)
    if not isinstance(value, str):
        raise ConditionError(path=path, op=op, needs="text", found=json_kind(value))
    return _TEXT_OPERATORS[op](value, expected)


def _compare_ordered(path: str, op: str, actual: Any, expected: Any) -> bool:
    needs = order_kind(expected)
    if order_kind(actual) != needs:
        raise ConditionError(path=path, op=op, needs=needs, found=order_kind(actual) or json_kind(actual))
    return compare_order(op, actual, expected)


def _contains(path: str, actual: Any, expected: Any) -> bool:
    """Whether a list has an item equal to `wanted`, or a text contains `wanted`; texts compare without case."""
    if isinstance(actual, list):
        return any(_equal_ignoring_case(item, expected) for item in actual)
    if not isinstance(actual, str):
        raise ConditionError(path=path, op="contains", needs="text or a list", found=json_kind(actual))
    if not isinstance(expected, str):
        raise ConditionError(path=path, op="contains", needs="a list", found=json_kind(actual))
    return expected.casefold() in actual.casefold()


def _equal_ignoring_case(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return json_equal(one, other)


def check_condition(condition: Any, roots: Collection[str] = STEP_ROOTS, at: Path = ()) -> tuple[Problem, ...]:
    """All problems of a condition as the author wrote it."""
    problems = list(_condition_faults(condition, roots, at, 1))
    count = _count_predicates(condition, 1)
    if count > MAX_PREDICATES:
        message = f"a condition may hold {MAX_PREDICATES} predicates, and this one has {count}; split the step"
        problems.append(Problem(code="bad_value", message=message, path=at))
    return tuple(problems)


def _count_predicates(condition: Any, level: int) -> int:
    if not isinstance(condition, Mapping) or level > MAX_LEVELS:
        return 0
    below = [condition[key] for key in _GROUP_KEYS if key in condition]
    if not below:
        return 1
    parts = [part for one in below for part in (one if isinstance(one, list) else [one])]
    return sum(_count_predicates(part, level + 1) for part in parts)


def _condition_faults(condition: Any, roots: Collection[str], at: Path, level: int) -> Iterator[Problem]:
    if level > MAX_LEVELS:
        message = f"a condition may nest {MAX_LEVELS} levels deep; this one goes deeper"
        yield Problem(code="bad_value", message=message, path=at)
    elif not isinstance(condition, Mapping):
        message = f"a condition must be a mapping such as `{{path: payload.x, op: exists}}`, not {json_kind(condition)}"
        yield Problem(code="bad_value", message=message, path=at)
    else:
        yield from _mapping_faults(condition, roots, at, level)


def _mapping_faults(condition: Condition, roots: Collection[str], at: Path, level: int) -> Iterator[Problem]:
    known = (*_GROUP_KEYS, *_PREDICATE_KEYS)
    unknown = [str(key) for key in condition if key not in known]
    for key in unknown:
        message = f"`{key}` is no key of a condition{did_you_mean(key, known)}"
        yield Problem(code="unknown_key", message=message, path=(*at, key))
    groups = [key for key in _GROUP_KEYS if key in condition]
    forms = [*groups, *(["path"] if any(key in condition for key in _PREDICATE_KEYS) else [])]
    if len(forms) > 1:
        message = f"a condition is one of `path`, `all`, `any` and `not`, and this has {_quoted_list(forms)}"
        yield Problem(code="bad_value", message=message, path=at)
    for key in groups:
        yield from _group_faults(key, condition[key], roots, (*at, key), level)
    if not groups and not (unknown and "path" not in forms):
        yield from _predicate_faults(condition, roots, at, unknown_keys=unknown)


def _group_faults(key: str, value: Any, roots: Collection[str], at: Path, level: int) -> Iterator[Problem]:
    if key == "not":
        yield from _condition_faults(value, roots, at, level + 1)
    elif not isinstance(value, list) or not value:
        message = f"`{key}` needs a list of at least one condition"
        yield Problem(code="bad_value", message=message, path=at)
    else:
        for index, one in enumerate(value):
            yield from _condition_faults(one, roots, (*at, index), level + 1)


def _predicate_faults(
    condition: Condition, roots: Collection[str], at: Path, unknown_keys: Collection[str]
) -> Iterator[Problem]:
    for key in ("path", "op"):
        if key not in condition and not any(did_you_mean(wrong, [key]) for wrong in unknown_keys):
            yield Problem(code="missing", message=f"a condition needs `{key}`", path=at)
    if "path" in condition and (fault := operand_fault(condition["path"], roots)):
        yield Problem(code="bad_value", message=fault, path=(*at, "path"))
    op = condition.get("op")
    if "op" in condition and op not in OPERATORS:
        message = (
            f"`{op}` is no operator{did_you_mean(str(op), OPERATORS) or f': use one of {_quoted_list(OPERATORS)}'}"
        )
        yield Problem(code="bad_value", message=message, path=(*at, "op"))
    elif op is not None and op != "exists" and "value" not in condition:
        if not any(did_you_mean(wrong, ["value"]) for wrong in unknown_keys):
            yield Problem(code="missing", message=f"`{op}` needs a `value` to compare with", path=at)
    elif "value" in condition:
        yield from _value_faults(op, condition["value"], (*at, "value"))


def _value_faults(op: Any, value: Any, at: Path) -> Iterator[Problem]:
    yield from json_faults(value, at)
    fault = None
    if op == "exists" and not isinstance(value, bool):
        fault = f"`exists` takes `value: true`, `value: false` or none, not {json_kind(value)}"
    elif op == "in" and not isinstance(value, list):
        fault = f"`in` needs a list to look in, not {json_kind(value)}"
    elif op in ORDER_OPERATORS and order_kind(value) is None:
        fault = f"`{op}` needs {ORDERED_KINDS} to compare with, not {json_kind(value)}"
    elif op in _TEXT_OPERATORS and not isinstance(value, str):
        fault = f"`{op}` needs text to compare with, not {json_kind(value)}"
    elif op == "regex":
        fault = _pattern_fault(value)
    if fault:
        yield Problem(code="bad_value", message=fault, path=at)


def _pattern_fault(pattern: str) -> str | None:
    import re2  # noqa: PLC0415 - as above

    try:
        _compile_pattern(pattern)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        return f"`{pattern}` is no regular expression that RE2 knows: {reason}"
    return None


def _quoted_list(words: Collection[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
