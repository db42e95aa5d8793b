"""What a test of a plugin found."""

from enum import StrEnum

from msgspec import Struct

from ductile.kit.bench import Exchange


class Verdict(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Seen(Struct, frozen=True, kw_only=True):
    """What one look at a plugin showed."""

    verdict: Verdict
    said: str = ""
    """Of a failure what was seen, of a skip why: a sentence."""
    fix: str = ""
    exchange: Exchange | None = None
    remarks: tuple[str, ...] = ()
    """What is worth knowing, and no failure."""


class Finding(Struct, frozen=True, kw_only=True):
    """One case, as it was seen."""

    case: str
    of: str | None
    """The command, or the kind of request; None where the case is of the whole plugin."""
    rule: str
    seen: Seen
    seconds: float

    @property
    def name(self) -> str:
        """`answers[greet]`."""
        return self.case if self.of is None else f"{self.case}[{self.of}]"


def passed(*remarks: str) -> Seen:
    """It is as it must be."""
    return Seen(verdict=Verdict.PASSED, remarks=remarks)


def failed(said: str, fix: str, exchange: Exchange | None = None) -> Seen:
    """It is not."""
    return Seen(verdict=Verdict.FAILED, said=said, fix=fix, exchange=exchange)


def skipped(why: str) -> Seen:
    """It was not looked at."""
    return Seen(verdict=Verdict.SKIPPED, said=why)
