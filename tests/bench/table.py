"""The last run as Markdown, and where it stands in the documentation."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import machine
from bench.measure import number

BEGIN = "<!-- the last run: written by scripts/bench --doc -->"
END = "<!-- end of the last run -->"
COLUMNS = ("what", "figure", "spread", "bound", "ratio", "budget", "met")


def write(page: Path, found: Mapping[str, Any]) -> bool:
    """Puts the run between the page's two marks; whether anything changed."""
    text = page.read_text()
    before, opened, rest = text.partition(BEGIN)
    _old, closed, after = rest.partition(END)
    if not (opened and closed):
        raise ValueError(f"{page} lacks `{BEGIN}` and `{END}`")
    fresh = f"{before}{BEGIN}\n\n{markdown(found)}\n{END}{after}"
    page.write_text(fresh)
    return fresh != text


def markdown(found: Mapping[str, Any]) -> str:
    """Header, a table a scenario, and the peers."""
    parts = ["\n".join(f"- {name}: {text}" for name, text in machine.lines(found["header"]))]
    if (unlike := _unlike(found)) is not None:
        parts.append(unlike)
    for scenario, rows in by_scenario(found["rows"]).items():
        parts.append(f"### {scenario}\n\n{_table(rows)}")
        parts += notes(rows)
    return "\n\n".join(parts) + "\n"


def by_scenario(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by their scenario, in order."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["scenario"], []).append(row)
    return found


def number_notes(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Each note of the rows once, with its number from 1, in the order of the rows."""
    return {note: number for number, note in enumerate(dict.fromkeys(row["note"] for row in rows if row["note"]), 1)}


def label(row: Mapping[str, Any], numbers: Mapping[str, int]) -> str:
    """What the row measures, with the number of its note."""
    return f"{row['what']} (note {numbers[row['note']]})" if row["note"] else str(row["what"])


def notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The notes below a table, a sentence each."""
    return [f"Note {number}: {note}." for note, number in number_notes(rows).items()]


def _unlike(found: Mapping[str, Any]) -> str | None:
    days = sorted({row["at"][:10] for row in found["rows"]})
    short = sum(1 for row in found["rows"] if row["quick"])
    says = []
    if len(days) > 1:
        says.append(f"rows were taken from {days[0]} to {days[-1]}")
    if short:
        says.append(f"{short} of {len(found['rows'])} rows are from short rounds")
    return f"Note: {', '.join(says)}." if says else None


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    numbers = number_notes(rows)
    table = [COLUMNS, tuple("---" for _ in COLUMNS), *(_cells(row, numbers) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def _cells(row: Mapping[str, Any], numbers: Mapping[str, int]) -> tuple[str, ...]:
    return (
        escape(label(row, numbers)),
        f"{number(row['figure'])} {row['unit']}".strip(),
        f"{row['spread']:.0%}",
        escape(f"{number(row['bound'])} {row['unit']}: {row['bound_is']}") if row["bound"] is not None else "",
        "".join(ratio(row)),
        escape(row["budget"] or ""),
        {None: "", True: "yes", False: "**no**"}[row["met"]],
    )


def ratio(row: Mapping[str, Any]) -> Iterator[str]:
    """The ratio, and from where to where it went over the rounds."""
    if row["ratio"] is not None:
        yield number(row["ratio"])
        least, most = row["ratios"]
        if number(least) != number(most):
            yield f" ({number(least)} to {number(most)})"


def escape(text: str) -> str:
    """Text for a cell."""
    return text.replace("|", "\\|")
