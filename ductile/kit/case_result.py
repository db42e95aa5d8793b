"""What a test of a plugin found."""

from enum import StrEnum

from msgspec import Struct

from ductile.kit.exchange import Exchange


class Verdict(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Observation(Struct, frozen=True, kw_only=True):
    """What one look at a plugin showed."""

    verdict: Verdict
    message: str = ""
    """Of a failure what was seen, of a skip why: a sentence."""
    fix: str = ""
    exchange: Exchange | None = None
    remarks: tuple[str, ...] = ()
    """What is worth knowing, and no failure."""


class CaseResult(Struct, frozen=True, kw_only=True):
    """One case, as it was seen."""

    case: str
    target: str | None
    """The command, or the kind of request; None where the case is of the whole plugin."""
    rule: str
    observation: Observation
    seconds: float

    @property
    def name(self) -> str:
        """`answers[greet]`."""
        return self.case if self.target is None else f"{self.case}[{self.target}]"


def pass_case(*remarks: str) -> Observation:
    """It is as it must be."""
    return Observation(verdict=Verdict.PASSED, remarks=remarks)


def fail_case(message: str, fix: str, exchange: Exchange | None = None) -> Observation:
    """It is not."""
    return Observation(verdict=Verdict.FAILED, message=message, fix=fix, exchange=exchange)


def skip_case(why: str) -> Observation:
    """It was not looked at."""
    return Observation(verdict=Verdict.SKIPPED, message=why)
