"""What an edit changes, as a unified diff in which no secret stands."""

import difflib
import re
from collections.abc import Iterator

from ductile.config.edit import Edit
from ductile.config.load import Layers
from ductile.document.redactor import MASK, Redactor, is_display_secret
from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS
from ductile.document.yaml_nodes import Node, parse_nodes

CONTEXT_LINES = 3
"""Lines shown before and after a change."""

_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$\{file:[^}]*\}")
"""Names a secret, and is none."""


def edit_diff(edit: Edit, layers: Layers) -> list[str]:
    """The lines of a unified diff; `layers` knows the secrets of the configuration before."""
    old, new = edit.before.splitlines(), edit.after.splitlines()
    redactor = Redactor(secret for secret in layers.secrets if len(secret) >= MIN_SECRET_CHARACTERS)
    shown_old = [redactor.text(line) for line in mask_secrets(edit.before).splitlines()]
    shown_new = [redactor.text(line) for line in mask_secrets(edit.after).splitlines()]
    groups = list(difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES))
    lines = [f"--- {edit.name}", f"+++ {edit.name}"] if groups else []
    for group in groups:
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@")
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                lines += [f" {line}" for line in shown_old[start:end]]
                continue
            lines += [f"-{line}" for line in shown_old[start:end]]
            lines += [f"+{line}" for line in shown_new[new_start:new_end]]
    return lines


def mask_secrets(text: str) -> str:
    """The YAML text with every value masked that stands under a key named as a secret; as many lines as before."""
    root = parse_nodes(text.removeprefix("\ufeff"))
    offset = len(text) - len(text.removeprefix("\ufeff"))
    spans = sorted(_secrets(root, ""), reverse=True) if root else []
    for start, end in spans:
        begin, stop = start + offset, end + offset
        text = text[:begin] + MASK + "\n" * text.count("\n", begin, stop) + text[stop:]
    return text


def _secrets(node: Node, name: str) -> Iterator[tuple[int, int]]:
    for entry in node.entries:
        yield from _secrets(entry.value, entry.key.value if entry.key else name)
    if node.kind == "scalar" and not node.empty and is_display_secret(name) and not _REFERENCE.fullmatch(node.value):
        yield node.start, node.end


def _range(start: int, end: int) -> str:
    """`3,7`: lines counted from 1, and how many."""
    return str(start + 1) if end - start == 1 else f"{start + (end > start)},{end - start}"
