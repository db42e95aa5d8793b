"""Answers to a shell that completes a command line of `ductile`."""

import os
from collections.abc import Callable, MutableMapping
from contextlib import redirect_stderr
from pathlib import Path

from typer.completion import completion_init  # type: ignore[attr-defined]  # not re-exported

from ductile.cli.core.exit_code import ExitCode

COMPLETION_VARIABLE = "_DUCTILE_COMPLETE"
"""Set by the script when the shell asks for completions."""


def answer_shell(complete: Callable[[], int]) -> int:
    """Answer a shell that completes. Whatever happens, nothing but completions is printed."""
    completion_init()
    if "COMP_WORDS" in os.environ:
        rejoin_options(os.environ)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        try:
            return complete()
        except SystemExit as ended:
            return int(ended.code or 0)
        except Exception:  # noqa: BLE001 - an error at the prompt helps nobody
            return ExitCode.FAILED


def rejoin_options(environ: MutableMapping[str, str]) -> None:
    """Bash tells `--status=s` as three words; put it together again."""
    words, at = environ["COMP_WORDS"].split("\n"), int(environ.get("COMP_CWORD", "0"))
    joined_words: list[str] = []
    for index, word in enumerate(words):
        if index > 1 and (word == "=" or words[index - 1] == "=") and joined_words[-1].startswith("--"):
            joined_words[-1] += word
            at -= index <= int(environ.get("COMP_CWORD", "0"))
        else:
            joined_words.append(word)
    environ["COMP_WORDS"], environ["COMP_CWORD"] = "\n".join(joined_words), str(at)
