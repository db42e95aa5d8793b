from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from ductile.model.quick import quick


@quick
@dataclass(frozen=True, kw_only=True, slots=True)
class Cup:
    tea: str
    sugar: int = 0
    milk: bool | None = None


def test_a_quick_value_is_what_its_dataclass_says() -> None:
    cup = Cup(tea="green", sugar=2)
    assert (cup.tea, cup.sugar, cup.milk) == ("green", 2, None)
    assert cup == Cup(milk=None, sugar=2, tea="green")
    assert hash(cup) == hash(Cup(tea="green", sugar=2))
    assert replace(cup, sugar=0) == Cup(tea="green")
    assert repr(cup) == "Cup(tea='green', sugar=2, milk=None)".replace("Cup", Cup.__qualname__)


def test_a_quick_value_is_frozen_and_takes_what_it_needs() -> None:
    with pytest.raises(FrozenInstanceError):
        Cup(tea="green").tea = "black"  # type: ignore[misc]  # that is what is tried
    for wrong in ({}, {"tea": "green", "lemon": 1}):
        with pytest.raises(TypeError):
            Cup(**wrong)  # type: ignore[arg-type]  # as above
    with pytest.raises(TypeError):
        Cup("green")  # type: ignore[misc]  # as above


def test_a_default_that_is_made_is_made_for_each() -> None:
    @quick
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Tray:
        cups: list[Cup] = field(default_factory=list)

    first, second = Tray(), Tray()
    first.cups.append(Cup(tea="green"))
    assert (len(first.cups), second, Tray(cups=first.cups)) == (1, Tray(cups=[]), first)


def test_what_is_more_than_keywords_is_told_where_its_class_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Plain:
        tea: str

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Checked:
        tea: str

        def __post_init__(self) -> None:
            assert self.tea

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Made:
        tea: str = field(init=False)

    for one in (Plain, Checked, Made):
        with pytest.raises(TypeError, match=r"\.tea is more"):
            quick(one)
