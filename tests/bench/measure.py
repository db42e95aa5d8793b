"""What a benchmark finds: figures beside their bounds, round by round, and what they are held against."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a row should keep. Limits of the figure are in its unit; limits of the ratio are plain numbers."""

    least: float | None = None
    most: float | None = None
    ratio_least: float | None = None
    ratio_most: float | None = None

    def met(self, figure: float, ratio: float | None) -> bool:
        """Whether all of it is kept. A limit of a ratio that could not be taken is not."""
        kept = [self.least is None or figure >= self.least, self.most is None or figure <= self.most]
        if self.ratio_least is not None:
            kept.append(ratio is not None and ratio >= self.ratio_least)
        if self.ratio_most is not None:
            kept.append(ratio is not None and ratio <= self.ratio_most)
        return all(kept)

    def says(self, unit: str) -> str:
        """The budget in a few words."""
        parts = []
        if self.least is not None:
            parts.append(f"≥ {number(self.least)} {unit}")
        if self.most is not None:
            parts.append(f"≤ {number(self.most)} {unit}".rstrip())
        if self.ratio_least is not None:
            parts.append(f"ratio ≥ {number(self.ratio_least)}")
        if self.ratio_most is not None:
            parts.append(f"ratio ≤ {number(self.ratio_most)}")
        return ", ".join(parts)


@dataclass(kw_only=True)
class Row:
    """One line of the table. `figures` and `bounds` have a value a round; without a bound there is no ratio."""

    what: str
    unit: str
    figures: list[float] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)
    bound: str = ""
    """What the bound is."""
    budget: Budget | None = None
    note: str = ""
    worst: bool = False
    """The figure is the most of all rounds, not their median: one thing that is lost in one round is one too many."""

    def add(self, figure: float, bound: float | None = None) -> Self:
        """Takes what a round has found."""
        self.figures.append(figure)
        if bound is not None:
            self.bounds.append(bound)
        return self

    def ratios(self) -> list[float]:
        """Figure by bound, each pair from one round; all by one bound where that was taken once."""
        bounds = self.bounds if len(self.bounds) == len(self.figures) else [middle(self.bounds)] * len(self.figures)
        return [figure / bound for figure, bound in zip(self.figures, bounds, strict=True) if bound]

    def document(self, scenario: str, *, quick: bool) -> dict[str, Any]:
        """The row as it stands in the JSON."""
        figure, ratios = (max if self.worst else middle)(self.figures), self.ratios() if self.bounds else []
        ratio = middle(ratios) if ratios else None
        return {
            "scenario": scenario,
            "what": self.what,
            "figure": figure,
            "unit": self.unit,
            "spread": spread(self.figures),
            "bound": middle(self.bounds) if self.bounds else None,
            "bound_is": self.bound,
            "ratio": ratio,
            "ratios": [min(ratios), max(ratios)] if ratios else None,
            "rounds": [rounded(one) for one in self.figures],
            "bound_rounds": [rounded(one) for one in self.bounds],
            "budget": self.budget.says(self.unit) if self.budget else None,
            "limits": asdict(self.budget) if self.budget else None,
            "met": self.budget.met(figure, ratio) if self.budget else None,
            "note": self.note,
            "quick": quick,
            "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        }


def middle(values: Sequence[float]) -> float:
    """The median, 0 of nothing."""
    return statistics.median(values) if values else 0.0


def spread(values: Sequence[float]) -> float:
    """From the least to the most, as a part of the median."""
    centre = middle(values)
    return (max(values) - min(values)) / centre if centre else 0.0


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part (0 to 1) of all is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def rounded(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")


def number(value: float) -> str:
    """A number as people read it: 12,345 · 123 · 12.3 · 1.23 · 0.123."""
    size = abs(value)
    if value == int(value) or size >= 100:
        return f"{value:,.0f}"
    digits = 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}"


def line(row: Mapping[str, Any]) -> str:
    """A row of the JSON as a line for the terminal."""
    figure = f"{number(row['figure'])} {row['unit']}".strip()
    text = f"{row['what']}: {figure} (spread {row['spread']:.0%})"
    if row["bound"] is not None:
        text += f" · {row['bound_is']}: {number(row['bound'])}"
    if row["ratio"] is not None:
        text += f" · ratio {number(row['ratio'])}"
    if row["budget"]:
        text += f" · {row['budget']}: {'met' if row['met'] else 'NOT MET'}"
    return f"{text} · {row['note']}" if row["note"] else text
