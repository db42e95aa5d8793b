"""The run as a page of its own: charts and tables in one file that loads nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from bench import machine
from bench.measure import number
from bench.table import by_scenario, label, notes, number_notes, ratio

WIDTH, LABELS, BAR, GAP = 960, 390, 13, 12
STYLE = """
:root { --ink: #1c2126; --soft: #5c6670; --line: #d9dee3; --ground: #fff; --ours: #2563a8; --bound: #b9c4cf;
  --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b0; --line: #333b43; --ground: #14181c;
  --ours: #6aa5e8; --bound: #4a5662; --good: #5ecf94; --bad: #f2867e; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 980px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } th { color: var(--soft); }
.yes { color: var(--good); } .no { color: var(--bad); font-weight: 600; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .soft { fill: var(--soft); } .ours { fill: var(--ours); } .bound { fill: var(--bound); }
.range { stroke: var(--ink); stroke-width: 1.5; } .mark { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 3 2; }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .35em 0 1em; }
"""


def page(found: Mapping[str, Any]) -> str:
    """The whole page."""
    about = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in machine.lines(found["header"]))
    parts = [_section(scenario, rows) for scenario, rows in by_scenario(found["rows"]).items()]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Ductile: benchmark</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>\n<body><h1>Ductile: benchmark</h1><dl>{about}</dl>\n"
        '<p class="key">Bars:<span style="background:var(--ours)"></span>figure'
        '<span style="background:var(--bound)"></span>bound, both from the same run. The thin line goes from the least'
        " round to the most, the dashed one is the budget.</p>\n"
        f"{''.join(parts)}</body></html>\n"
    )


def _section(scenario: str, rows: Sequence[Mapping[str, Any]]) -> str:
    charts = "".join(chart(unit, same) for unit, same in _by_unit(rows).items() if unit)
    said = "".join(f"<p>{escape(note)}</p>" for note in notes(rows))
    return f"<h2>{escape(scenario)}</h2>\n{charts}{_table(rows)}{said}\n"


def _by_unit(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["unit"], []).append(row)
    return found


def chart(unit: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Bars of the rows that share a unit, on one scale."""
    full = max(max(_reaches(row)) for row in rows) or 1.0
    step = 2 * BAR + GAP
    height = step * len(rows) + 4
    drawn = "".join(_bars(row, 4 + place * step, (WIDTH - LABELS - 110) / full) for place, row in enumerate(rows))
    title = escape(f"{rows[0]['scenario']}, {unit}")
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}"><title>{title}</title>{drawn}</svg>\n'


def _reaches(row: Mapping[str, Any]) -> Iterator[float]:
    yield row["figure"]
    yield from row["rounds"]
    if row["bound"] is not None:
        yield row["bound"]
    if (limit := _limit(row)) is not None:
        yield limit


def _limit(row: Mapping[str, Any]) -> float | None:
    """Where the budget stands on the scale of the figure."""
    limits = row["limits"] or {}
    for name in ("least", "most"):
        if limits.get(name) is not None:
            return float(limits[name])
    for name in ("ratio_least", "ratio_most"):
        if limits.get(name) is not None and row["bound"] is not None:
            return float(limits[name]) * float(row["bound"])
    return None


def _bars(row: Mapping[str, Any], y: int, scale: float) -> str:
    x, middle = LABELS, y + BAR / 2
    length = row["figure"] * scale
    least, most = (x + one(row["rounds"]) * scale for one in (min, max))
    parts = [
        f'<text x="{x - 8}" y="{y + BAR}" text-anchor="end">{escape(_short(row["what"]))}</text>',
        f'<rect class="ours" x="{x}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
        f'<line class="range" x1="{least:.1f}" x2="{most:.1f}" y1="{middle}" y2="{middle}"/>',
    ]
    end = max(length, most - x)
    parts.append(f'<text x="{x + end + 6:.1f}" y="{y + BAR - 2}">{number(row["figure"])} {escape(row["unit"])}</text>')
    if row["bound"] is not None:
        size = row["bound"] * scale
        parts.append(f'<rect class="bound" x="{x}" y="{y + BAR}" width="{size:.1f}" height="{BAR - 3}"/>')
        parts.append(f'<text class="soft" x="{x + size + 6:.1f}" y="{y + 2 * BAR - 3}">{number(row["bound"])}</text>')
    if (limit := _limit(row)) is not None:
        at = x + limit * scale
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{y - 2}" y2="{y + BAR + 2}"/>')
    return "".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= 62 else f"{text[:61]}…"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    names = ("what", "figure", "spread", "bound", "", "ratio", "budget", "met")
    head = "".join(f"<th>{name}</th>" for name in names)
    numbers = number_notes(rows)
    body = "".join(_row(row, numbers) for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _row(row: Mapping[str, Any], numbers: Mapping[str, int]) -> str:
    met = {None: "", True: '<span class="yes">yes</span>', False: '<span class="no">no</span>'}[row["met"]]
    bound = f"{number(row['bound'])} {row['unit']}" if row["bound"] is not None else ""
    cells = (
        f"<td>{escape(label(row, numbers))}</td>",
        f'<td class="n">{number(row["figure"])} {escape(row["unit"])}</td>',
        f'<td class="n">{row["spread"]:.0%}</td>',
        f'<td class="n">{escape(bound)}</td>',
        f"<td>{escape(row['bound_is'])}</td>",
        f'<td class="n">{escape("".join(ratio(row)))}</td>',
        f"<td>{escape(row['budget'] or '')}</td>",
        f"<td>{met}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"
