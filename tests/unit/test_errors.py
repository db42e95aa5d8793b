"""The messages of all errors are sentences, whatever the details they are raised with."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from string import Formatter
from typing import Any

import pytest

import ductile
from ductile.errors import DuctileError, end_sentence, sentence

REASON = "The disk is full; make room."
STUTTER = re.compile(r"\.[.;:,]|[;:,][.;:,]")


def classes(kind: type[DuctileError]) -> Iterator[type[DuctileError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from classes(one)


def load_all() -> list[type[DuctileError]]:
    for module in pkgutil.walk_packages(ductile.__path__, "ductile."):
        if "author" not in module.name and "zygote" not in module.name:
            import_module(module.name)
    return sorted(set(classes(DuctileError)), key=lambda kind: (kind.__module__, kind.__name__))


def template(kind: type[DuctileError]) -> str:
    return " ".join((kind.__doc__ or "").split())


def details(kind: type[DuctileError], value: Any) -> dict[str, Any]:
    """This for each detail; a number for those that are formatted as one."""
    fields = [(name, spec) for _, name, spec, _ in Formatter().parse(template(kind)) if name]
    return {name: 7 if spec else "" if name == "hint" else value for name, spec in fields}


@pytest.mark.parametrize("value", [REASON, RuntimeError(REASON), "plain", ("a", "b.")])
def test_no_message_has_a_mark_twice(value: Any) -> None:
    kinds = load_all()
    assert len(kinds) > 100
    for kind in kinds:
        error = kind.__new__(kind)
        DuctileError.__init__(error, **details(kind, value))
        assert not STUTTER.search(error.message.replace("…", "")), (kind.__name__, error.message)


def test_a_detail_keeps_its_period_where_the_sentence_ends_with_it_and_three_stay_three() -> None:
    class Told(DuctileError):
        """It says {first}, {second}. And: {third}"""

    told = Told(first="a.", second="wait...", third="b.")
    assert told.message == "It says a, wait.... And: b."
    assert told.details["first"] == "a."


@pytest.mark.parametrize(("text", "ended"), [("a", "a."), ("a.", "a."), ("a?", "a?"), ("a!", "a!")])
def test_a_sentence_has_one_end(text: str, ended: str) -> None:
    assert end_sentence(text) == ended
    assert sentence(f"; {text}") == ended.capitalize()
