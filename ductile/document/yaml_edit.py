"""Changes one value in a YAML text and leaves every other character as it was.

Whoever calls this reads the result again and compares: YAML has forms that are not worth knowing here, and a text that
then means anything else than it should is not used.
"""

import re
from collections.abc import Iterator, Sequence

from ductile.document.problem import Path
from ductile.document.yaml_nodes import Entry, Node, parse_nodes
from ductile.document.yaml_write import NewValue, write_flow, write_key

INDENT_COLUMNS = 2
"""Columns that a nested map is indented by, where the text does not show another habit."""

_DASH = re.compile(r"[\s-]*-[ \t]*(#.*)?")
_COLON = re.compile(r"[ \t]*:")

ALIAS_REASON = "it stands behind an alias; change the anchor's own value"
MERGED_REASON = "it does not stand there by itself, but behind an alias or a merge key"
NULL_FILE_REASON = "the file holds `null`, which no key fits into"
ODD_KEY_REASON = "its key is written in a form that only a person can change"
ODD_LIST_REASON = "this list is written in a form that only a person can change"
PAIR_REASON = "it stands in a pair without braces, which only a person can change"
NO_MAP_REASON = "there is no map, so no key fits"
NO_LIST_REASON = "there is no list, so no index fits"


class CannotEdit(Exception):
    """The text cannot be changed there; says why."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        self.reason = reason
        self.offset = offset
        """Where, in characters."""
        super().__init__(reason)


def set_value(text: str, path: Path, new: NewValue) -> str:
    """The text with this value at the path; what is missing on the way there is made. Raises NotSpliceable."""
    node: Node | None = parse_nodes(text)
    trail: list[Entry] = []
    for depth, part in enumerate(path):
        entry = node.child(part) if node is not None else None
        if entry is None:
            return _Edit(text, trail).insert(node, path[depth:], new)
        trail.append(entry)
        node = entry.value
    return _Edit(text, trail).replace(new)


def unset_value(text: str, path: Path) -> str:
    """The text without the key or the entry at the path, which is there. Raises NotSpliceable."""
    node: Node | None = parse_nodes(text)
    parents: list[Node] = []
    trail: list[Entry] = []
    for part in path:
        entry = node.child(part) if node is not None else None
        if node is None or entry is None:
            raise CannotEdit(MERGED_REASON)
        parents.append(node)
        trail.append(entry)
        node = entry.value
    return _Edit(text, trail[:-1]).remove(parents[-1], parents[-1].entries.index(trail[-1]))


class _Edit:
    """One change of a text, at the end of a trail of entries."""

    def __init__(self, text: str, trail: Sequence[Entry]) -> None:
        self.text = text
        self.trail = trail
        self.newline = "\r\n" if "\r\n" in text else "\n"
        root = parse_nodes(text)
        self.inside_flow = (root is not None and root.flow) or any(entry.value.flow for entry in trail[:-1])
        """Whether the last value of the trail stands in brackets."""

    def replace(self, new: NewValue) -> str:
        """The last value of the trail becomes another one."""
        entry = self.trail[-1]
        old = entry.value
        written = new.format(flow=self.inside_flow, style=old.style)
        if entry.key is None or old.flow or old.kind == "alias" or (old.kind == "scalar" and not old.empty):
            return self._put(old.start, old.end, self._apart(old.start, written))
        colon = self._colon(entry.key)
        if old.empty:
            return self._put(colon, colon, f" {written}")
        rest = "" if old.decorated else self.text[colon : self._line_end(colon)]
        return self._put(colon, old.end, f" {written}{rest}")

    def insert(self, node: Node | None, rest: Path, new: NewValue) -> str:
        """What is missing of the path goes into the last value of the trail, or into the document."""
        if node is None or (node.nothing and not self.trail and not node.flow):
            if node is not None and not node.empty:
                raise CannotEdit(NULL_FILE_REASON, node.start)
            return self._append_to_text(self._lines(rest, 0, new))
        self._refuse(node, rest[0])
        self._refuse_pair(node)
        if node.nothing and self.trail and not self.inside_flow:
            return self._fill(node, rest, new)
        if node.nothing:
            return self._put(node.start, node.end, self._apart(node.start, write_flow(rest, new, braces=True)))
        if node.flow:
            at = node.entries[-1].value.end
            return self._put(at, at, f", {write_flow(rest, new, braces=False)}")
        indent = self._column_of_members(node)
        at = self._line_end(node.end)
        return self._put(at, at, self._block(self._lines(rest, indent, new)))

    def remove(self, parent: Node, index: int) -> str:
        """An entry of a map or a list goes; an empty one is left as `{}` or `[]`."""
        entry = parent.entries[index]
        start = self._start(parent, index)
        if parent.flow:
            self._refuse_pair(parent)
            return self._remove_flow(parent, index)
        if len(parent.entries) == 1:
            if not self.trail:
                return self._put(self._line_start(start), self._after(entry.value.end), "")
            return _Edit(self.text, self.trail).replace(NewValue({} if parent.kind == "map" else []))
        if self.text[self._line_start(start) : start].strip():  # behind a dash: what follows takes its place
            return self._put(start, self._start(parent, index + 1), "")
        return self._put(self._line_start(start), self._after(entry.value.end), "")

    def _remove_flow(self, parent: Node, index: int) -> str:
        starts = [(one.key or one.value).start for one in parent.entries]
        if index + 1 < len(starts):
            return self._put(starts[index], starts[index + 1], "")
        begin = parent.entries[index - 1].value.end if index else starts[index]
        return self._put(begin, parent.entries[index].value.end, "")

    def _fill(self, node: Node, rest: Path, new: NewValue) -> str:
        """A key without a value, or with an empty one, gets its first member below it."""
        entry = self.trail[-1]
        if entry.key is None:
            lines = self._lines(rest, self._column(node.start) + (1 if node.empty else 0), new)
            return self._put(node.start, node.end, self._apart(node.start, self.newline.join(lines).lstrip()))
        colon = self._colon(entry.key)
        end = self._line_end(node.end)
        tail = self.text[colon : node.start].rstrip() + self.text[node.end : end]
        step = self._list_step() if isinstance(rest[0], int) else self._step()
        lines = self._lines(rest, self._column(entry.key.start) + step, new)
        return self._put(colon, end, tail.rstrip() + self._block(lines))

    def _refuse(self, node: Node, part: str | int) -> None:
        if node.kind == "alias":
            raise CannotEdit(ALIAS_REASON, node.start)
        wanted = "list" if isinstance(part, int) else "map"
        if not node.nothing and node.kind != wanted:
            raise CannotEdit(NO_LIST_REASON if wanted == "list" else NO_MAP_REASON, node.start)

    def _refuse_pair(self, node: Node) -> None:
        """`[a: 1]` is a list of a map that has no braces."""
        if node.flow and not node.decorated and self.text[node.start] not in "[{":
            raise CannotEdit(PAIR_REASON, node.start)

    def _lines(self, rest: Path, indent: int, new: NewValue) -> list[str]:
        """The rest of a path as block lines."""
        head, tail = rest[0], rest[1:]
        pad = " " * indent
        if isinstance(head, int):
            inner = self._lines(tail, indent + INDENT_COLUMNS, new) if tail else [new.format(flow=False)]
            return [f"{pad}- {inner[0].lstrip()}", *inner[1:]]
        name = write_key(head, flow=False)
        if not tail:
            return [f"{pad}{name}: {new.format(flow=False)}"]
        step = self._list_step() if isinstance(tail[0], int) else self._step()
        return [f"{pad}{name}:", *self._lines(tail, indent + step, new)]

    def _block(self, lines: Sequence[str]) -> str:
        return "".join(self.newline + line for line in lines)

    def _append_to_text(self, lines: Sequence[str]) -> str:
        before = "" if not self.text or self.text.endswith("\n") else self.newline
        return self.text + before + "".join(line + self.newline for line in lines)

    def _put(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def _apart(self, at: int, written: str) -> str:
        return written if at == 0 or self.text[at - 1] not in ":-?," else f" {written}"

    def _colon(self, key: Node) -> int:
        """The place behind the colon of a key."""
        found = _COLON.match(self.text, key.end)
        if found is None:
            raise CannotEdit(ODD_KEY_REASON, key.start)
        return found.end()

    def _column_of_members(self, node: Node) -> int:
        """Where the keys of a block map stand, or the dashes of a block list."""
        return self._column(self._start(node, len(node.entries) - 1))

    def _start(self, node: Node, index: int) -> int:
        """Where an entry begins: at its key or, in a block list, at its dash."""
        entry = node.entries[index]
        if entry.key is not None or node.flow:
            return (entry.key or entry.value).start
        end = entry.value.start
        while True:
            begin = self._line_start(end)
            line = self.text[begin:end].removesuffix("\r")
            if _DASH.fullmatch(line):
                return begin + line.partition("#")[0].rindex("-")
            if begin == 0 or (line.strip() and not line.lstrip().startswith("#")):
                raise CannotEdit(ODD_LIST_REASON, entry.value.start)
            end = begin - 1

    def _step(self) -> int:
        root = parse_nodes(self.text)
        return next(self._steps(root, "map"), INDENT_COLUMNS) if root else INDENT_COLUMNS

    def _list_step(self) -> int:
        root = parse_nodes(self.text)
        return next(self._steps(root, "list"), INDENT_COLUMNS) if root else INDENT_COLUMNS

    def _steps(self, node: Node, kind: str) -> Iterator[int]:
        """How far the block maps or lists below the keys of a map are indented."""
        for entry in node.entries:
            below = entry.value
            if below.flow or not below.entries:
                continue
            if entry.key is not None and below.kind == kind:
                yield self._column_of_members(below) - self._column(entry.key.start)
            yield from self._steps(below, kind)

    def _line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        """The end of the line, before its line break."""
        end = self.text.find("\n", at)
        if end < 0:
            return len(self.text)
        return end - 1 if end > at and self.text[end - 1] == "\r" else end

    def _after(self, at: int) -> int:
        """The start of the next line."""
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end + 1

    def _column(self, at: int) -> int:
        return at - self._line_start(at)
