"""Formats rows under headings, aligned by terminal width. Of rich only cell widths are used: tables import slowly."""

import re
from collections.abc import Iterator, Sequence

MIN_FOLDABLE_COLUMNS = 24
"""Terminal columns that a cell beside an id keeps unfolded: times and most names fit."""
GAP_COLUMNS = 2
"""Terminal columns between two columns of a table."""
MIN_COLUMNS = 2
"""Terminal columns of a table's column, at least: the widest character has two."""

_WORD = re.compile(r"\S+|\s+")
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def format_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None, bold: bool
) -> Iterator[str]:
    """Rows under headings, aligned, within so many columns of a terminal (None: as wide as they are).

    What is too long is folded. Ids are shown whole, even where the lines then become too long for the terminal.
    """
    from rich.cells import cell_len  # only a table needs it

    from ductile.model.ids import is_id

    columns = [(heading, *(row[n] for row in rows)) for n, heading in enumerate(headings)]
    widths = [max(map(cell_len, column)) for column in columns]
    ids = [any(column[1:]) and all(is_id(cell) for cell in column[1:] if cell) for column in columns]
    if width is not None:
        gaps = GAP_COLUMNS * (len(columns) - 1)
        least = [wide if fixed else min(wide, MIN_FOLDABLE_COLUMNS) for wide, fixed in zip(widths, ids, strict=True)]
        room = max(width, sum(least) + gaps if any(ids) else 0) - gaps
        titled = [wide if fixed else cell_len(title) for title, wide, fixed in zip(headings, widths, ids, strict=True)]
        lowest = (
            titled
            if sum(titled) <= room
            else [wide if fixed else MIN_COLUMNS for wide, fixed in zip(widths, ids, strict=True)]
        )
        widths = narrow_widths(widths, room, lowest)
    heading, *row_lines = [list(align_row(row, widths)) for row in (headings, *rows)]
    yield from (f"{_BOLD}{line}{_PLAIN}" for line in heading) if bold else heading
    for lines in row_lines:
        yield from lines


def narrow_widths(widths: Sequence[int], room: int, least: Sequence[int]) -> list[int]:
    """The widths reduced to the room, the widest first, but none below its least width."""
    narrow = list(widths)
    while sum(narrow) > room:
        widest = max((wide for wide, low in zip(narrow, least, strict=True) if wide > low), default=0)
        if not widest:
            break
        at = [n for n, wide in enumerate(narrow) if wide == widest and wide > least[n]]
        below = max((wide for n, wide in enumerate(narrow) if wide < widest and wide > least[n]), default=0)
        most = max(below, *(least[n] for n in at))
        step = min(widest - most, -(-(sum(narrow) - room) // len(at)))
        for n in at[: sum(narrow) - room]:
            narrow[n] -= step
    return narrow


def align_row(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row."""
    from rich.cells import cell_len

    cells = [fold_text(text, wide) for text, wide in zip(row, widths, strict=True)]
    for n in range(max(map(len, cells), default=0)):
        parts = [cell[n] if n < len(cell) else "" for cell in cells]
        padded = [part + " " * (wide - cell_len(part)) for part, wide in zip(parts, widths, strict=True)]
        yield (" " * GAP_COLUMNS).join(padded).rstrip()


def fold_text(text: str, width: int) -> list[str]:
    """The text in lines of at most so many columns, between words where that is possible."""
    from rich.cells import cell_len, chop_cells

    if cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in _WORD.findall(text):
        if cell_len(lines[-1] + word) <= width:
            lines[-1] += word
        elif not word.isspace():
            pieces = chop_cells(word, width)
            lines[-1:] = [lines[-1].rstrip(), *pieces] if lines[-1].strip() else pieces
        else:
            lines.append("")
    return [line.rstrip() for line in lines] if lines[-1].strip() else [line.rstrip() for line in lines[:-1]]
