"""Says in plain words what is wrong with a YAML text, from libyaml's complaint and a look at the lines."""

import re

import yaml
from msgspec import Struct

_KEY_WITHOUT_SPACE = re.compile(r"^(\s*(?:- +)*)([A-Za-z_][\w.-]*):(?=[^\s:/])")
_DASHES = re.compile(r"^(\s*)((?:- +)*)")
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Explanation = tuple[int, int, str]
"""Line and column, counted from 1, and the sentence."""


class _Fault(Struct, frozen=True):
    """A complaint of libyaml; lines and columns count from 0."""

    lines: list[str]
    problem: str
    line: int
    column: int
    context: str
    context_line: int
    context_column: int

    @property
    def text(self) -> str:
        return self.lines[self.line] if self.line < len(self.lines) else ""

    @property
    def at_line_start(self) -> bool:
        return not self.text[: self.column].strip()

    def here(self, message: str) -> Explanation:
        return self.line + 1, self.column + 1, message

    def opening(self, message: str) -> Explanation:
        return self.context_line + 1, self.context_column + 1, message


def explain_yaml_error(error: Exception, text: str) -> Explanation:
    """Where the text is wrong, and why."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _explain_characters(error, text)
    mark, context = error.problem_mark, error.context_mark or error.problem_mark
    fault = _Fault(
        lines=text.splitlines(),
        problem=error.problem or "",
        line=mark.line,
        column=mark.column,
        context=error.context or "",
        context_line=context.line,
        context_column=context.column,
    )
    for explanation in (_tab, _quote, _bracket, _list_entry, _character, _colon, _no_key, _indent, _behind):
        found = explanation(fault)
        if found is not None:
            return found
    return fault.here(f"{fault.context}: {fault.problem}" if fault.context else fault.problem)


def _explain_characters(error: Exception, text: str) -> Explanation:
    bad = _CONTROL.search(text)
    if bad is None:
        return 1, 1, str(error)
    line = text.count("\n", 0, bad.start()) + 1
    column = bad.start() - (text.rfind("\n", 0, bad.start()) + 1) + 1
    return line, column, f"the character U+{ord(bad[0]):04X} is not allowed in YAML"


def _tab(fault: _Fault) -> Explanation | None:
    indent = fault.text[: len(fault.text) - len(fault.text.lstrip())]
    if "\t" not in indent:
        return None
    return fault.line + 1, indent.index("\t") + 1, "this line is indented with a tab; indent with spaces"


def _quote(fault: _Fault) -> Explanation | None:
    if "quoted scalar" not in fault.context:
        return None
    if "end of stream" in fault.problem or "document indicator" in fault.problem:
        return fault.opening("the quote that opens here is never closed")
    if "escape" in fault.problem or "hexdecimal" in fault.problem:
        message = "a backslash in double quotes starts an escape, and this is none: double it, or use single quotes"
        return fault.here(message)
    return None


def _bracket(fault: _Fault) -> Explanation | None:
    if "flow" in fault.context and fault.text[max(fault.column - 1, 0) : fault.column + 1] == "${":
        return fault.line + 1, fault.column, "inside `[ ]` and `{ }` a `${…}` needs quotes around the value"
    if fault.context == "while parsing a flow node" and fault.line >= len(fault.lines):
        return fault.here("the text ends, and a `[` or `{` is not closed")
    for kind, opened, closed in (("flow sequence", "[", "]"), ("flow mapping", "{", "}")):
        if kind in fault.context:
            message = f"the `{opened}` that opens here is not closed: `,` or `{closed}` is missing before"
            return fault.opening(f"{message} line {fault.line + 1}, column {fault.column + 1}")
    return None


def _list_entry(fault: _Fault) -> Explanation | None:
    if "block sequence entries" not in fault.problem:
        return None
    return fault.here("a list entry `- ` cannot stand here: start it on a line of its own, indented below its key")


def _character(fault: _Fault) -> Explanation | None:
    for scanned, sign in (("an alias", "*"), ("an anchor", "&"), ("a tag", "!"), ("a directive", "%")):
        if f"while scanning {scanned}" in fault.context:
            return fault.opening(f"a plain value cannot start with `{sign}`; put quotes around it")
    if "block scalar" in fault.context and "expected comment or line break" in fault.problem:
        return fault.opening("behind `|` or `>` text starts on the next line; put quotes around a value that starts so")
    if "cannot start any token" not in fault.problem:
        return None
    sign = fault.text[fault.column : fault.column + 1]
    return fault.here(f"a plain value cannot start with `{sign}`; put quotes around it")


def _colon(fault: _Fault) -> Explanation | None:
    if "mapping values are not allowed" not in fault.problem:
        return None
    if ": " in fault.text[: fault.column]:
        return fault.here("a plain value cannot contain `: `; put quotes around the whole value")
    above = _line_above(fault)
    if above is None:
        return None
    joined = _KEY_WITHOUT_SPACE.match(fault.lines[above])
    if joined:
        return above + 1, joined.end() + 1, f"a space is missing behind `{joined[2]}:`"
    here, there = _columns(fault.text)[-1], _columns(fault.lines[above])[-1]
    if here == there:
        return None
    return _explain_alignment(fault, there)


def _no_key(fault: _Fault) -> Explanation | None:
    if "could not find expected ':'" not in fault.problem:
        return None
    text = fault.lines[fault.context_line] if fault.context_line < len(fault.lines) else ""
    joined = _KEY_WITHOUT_SPACE.match(text)
    if joined:
        return fault.context_line + 1, joined.end() + 1, f"a space is missing behind `{joined[2]}:`"
    return fault.opening("this is neither `key: value` nor a list entry `- value`")


def _indent(fault: _Fault) -> Explanation | None:
    if not fault.at_line_start or not fault.text.strip():
        return None
    if "expected '-' indicator" in fault.problem and fault.column == fault.context_column:
        message = f"{_first_word(fault)} stands in the column of the `-` above: indent it by 2 more to belong to"
        return fault.here(f"{message} that entry, or start it with `- `")
    if "did not find expected" not in fault.problem:
        return None
    siblings = _open_columns(fault)
    if not siblings or fault.column in siblings:
        return None
    nearest = min(siblings, key=lambda column: (abs(column - fault.column), column != fault.context_column))
    return _explain_alignment(fault, nearest)


def _behind(fault: _Fault) -> Explanation | None:
    if "did not find expected" not in fault.problem:
        return None
    before = fault.text[: fault.column].rstrip()
    if before.endswith(('"', "'")):
        message = "text goes on behind the closing quote: is a quote above left open, or one inside not doubled?"
        return fault.here(message)
    sign = fault.text[fault.column : fault.column + 1]
    if sign and sign in "]},":
        return fault.here(f"this `{sign}` closes nothing; put quotes around text that contains it")
    if sign == "-" and fault.at_line_start:
        return fault.here("a list entry cannot stand among keys: indent it below the key it belongs to")
    return None


def _explain_alignment(fault: _Fault, siblings: int) -> Explanation:
    column = len(fault.text) - len(fault.text.lstrip())
    word = _first_word(fault)
    columns = "1 column" if column == 1 else f"{column} columns"
    message = f"{word} is indented {columns}, its siblings above {siblings}: align it with them"
    return fault.line + 1, column + 1, message


def _first_word(fault: _Fault) -> str:
    stripped = fault.text.strip()
    key = re.match(r"(?:- +)*[^\s:]+:", stripped)
    return f"`{key[0] if key else stripped[:30]}`"


def _line_above(fault: _Fault) -> int | None:
    for number in range(min(fault.line, len(fault.lines)) - 1, -1, -1):
        stripped = fault.lines[number].strip()
        if stripped and not stripped.startswith("#"):
            return number
    return None


def _columns(line: str) -> list[int]:
    """Where entries of a line start: each of its dashes, then its key."""
    indent, dashes = _DASHES.match(line).groups()  # type: ignore[union-attr]  # matches any line
    columns = [len(indent) + found.start() for found in re.finditer("-", dashes)]
    return [*columns, len(indent) + len(dashes)]


def _open_columns(fault: _Fault) -> list[int]:
    """The columns of the blocks that are open above the line, the innermost first."""
    found: list[int] = []
    for number in range(fault.line - 1, -1, -1):
        line = fault.lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        for column in reversed(_columns(line)):
            if not found or column < found[-1]:
                found.append(column)
        if found[-1] == 0:
            break
    return found
