"""Results of the cases that a plugin is tested with."""

from enum import StrEnum

from msgspec import Struct

from ductile.kit.exchange import Exchange


class Verdict(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Observation(Struct, frozen=True, kw_only=True):
    """What a case observed of a plugin."""

    verdict: Verdict
    message: str = ""
    """What failed, or why the case was skipped: a sentence."""
    fix: str = ""
    exchange: Exchange | None = None
    remarks: tuple[str, ...] = ()
    """Notes that are no failures."""


class CaseResult(Struct, frozen=True, kw_only=True):
    """One case with its observation."""

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
    """The observation of a case that passed."""
    return Observation(verdict=Verdict.PASSED, remarks=remarks)


def fail_case(message: str, fix: str, exchange: Exchange | None = None) -> Observation:
    """The observation of a case that failed."""
    return Observation(verdict=Verdict.FAILED, message=message, fix=fix, exchange=exchange)


def skip_case(why: str) -> Observation:
    """The observation of a case that was not run."""
    return Observation(verdict=Verdict.SKIPPED, message=why)
