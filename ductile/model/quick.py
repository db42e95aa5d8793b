"""Frozen values that are made for every request and every attempt, in fewer steps."""

from dataclasses import MISSING, fields
from typing import Any, TypeVar

_T = TypeVar("_T")


def quick(cls: type[_T]) -> type[_T]:
    """A frozen, keyword-only dataclass with slots whose `__init__` fills the slots themselves.

    The one that it comes with asks `object.__setattr__` to find each slot by its name, which is a third of the making.
    A TypeError tells, where a class is made, that it has more than keywords and their defaults.
    """
    known: dict[str, Any] = {"MISSING": MISSING}
    parameters, steps = [], []
    for one in fields(cls):  # type: ignore[arg-type]  # a TypeError tells what is no dataclass
        name, value = one.name, one.name
        if not (one.kw_only and one.init) or hasattr(cls, "__post_init__"):
            message = f"{cls.__name__}.{name} is more than a keyword"
            raise TypeError(message)
        known |= {f"set_{name}": getattr(cls, name).__set__, f"default_{name}": one.default}
        if one.default_factory is not MISSING:
            known[f"make_{name}"] = one.default_factory
            value = f"make_{name}() if {name} is MISSING else {name}"
        required = one.default is MISSING and one.default_factory is MISSING
        parameters.append(name if required else f"{name}=default_{name}")
        steps.append(f"    set_{name}(self, {value})")
    code = f"def __init__(self, *, {', '.join(parameters)}):\n" + "\n".join(steps)
    exec(code, known)  # noqa: S102 - of the names of fields alone, as `dataclass` itself does it
    cls.__init__ = known["__init__"]  # type: ignore[method-assign]  # it takes what the other took
    return cls
