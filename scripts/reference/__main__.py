"""Fills the generated parts of docs/reference from the code.

A part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; what stands around it is written by hand.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import bundled
import command_line
import config_keys
import failures
import kinds
import routes

PAGES = Path(__file__).parents[2] / "docs" / "reference"
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end of (?P=name) -->\n)", re.DOTALL)

PARTS: Mapping[str, Callable[[], str]] = {
    "configuration": config_keys.configuration,
    "old-spellings": config_keys.old_spellings,
    "pipelines": config_keys.pipelines,
    "operators": config_keys.operators,
    "manifest": config_keys.manifest,
    "default-timeouts": config_keys.default_timeouts,
    "routes": routes.overview,
    "route-details": routes.details,
    "commands": command_line.commands,
    "exit-codes": command_line.exit_codes,
    "errors": failures.errors,
    "journal": kinds.journal,
    "metrics": kinds.metrics,
    "bundled": bundled.plugins,
}


def filled(text: str) -> str:
    """A page with its parts as the code has them now."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part['name']]().strip()}\n\n{part[3]}", text)


def main() -> int:
    """Write the pages, or say which differ."""
    asked = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    asked.add_argument("--check", action="store_true", help="change nothing; exit with 1 where a page differs")
    check = asked.parse_args().check
    pages = {path: path.read_text() for path in sorted(PAGES.glob("*.md"))}
    unused = PARTS.keys() - {part["name"] for text in pages.values() for part in PART.finditer(text)}
    if unused:
        print(f"no page of docs/reference has the part {', '.join(sorted(unused))}", file=sys.stderr)
        return 1
    changed = {path: new for path, text in pages.items() if (new := filled(text)) != text}
    for path, new in changed.items():
        print(f"docs/reference/{path.name} {'differs from the code; run scripts/docs' if check else 'written'}")
        if not check:
            path.write_text(new)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
