"""Arguments of commands that run a plugin without a gateway: `KEY=VALUE` pairs and durations."""

from collections.abc import Iterable
from typing import Any

from ductile.cli.core.errors import UsageError
from ductile.cli.core.json_input import read_json_argument
from ductile.model.json_reader import read_json


def read_plugin_config(arguments: Iterable[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` (a JSON value, else text), a JSON object, or `@FILE` with one; later ones win. Raises UsageError."""
    config: dict[str, Any] = {}
    for text in arguments or ():
        if text[:1] in ("{", "@"):
            value = read_json_argument(text, "--config")
            if not isinstance(value, dict):
                raise UsageError(reason=f"--config must be KEY=VALUE or a JSON object, not {text}")
            config |= value
        else:
            [(key, word)] = read_pairs([text], "--config", "KEY=VALUE or a JSON object")
            config[key] = _read_json_or_text(word)
    return config


def read_duration(option: str, text: str | None) -> int | None:
    """Milliseconds. Raises UsageError."""
    from ductile.document.units import duration

    if text is None:
        return None
    try:
        millis = duration(text)
    except ValueError as error:
        raise UsageError(reason=f"{option} {text}: {error}") from None
    if millis == 0:
        raise UsageError(reason=f"{option} must be longer than 0")
    return millis


def read_pairs(arguments: Iterable[str] | None, option: str, form: str) -> list[tuple[str, str]]:
    """The words of `KEY=VALUE`. Raises UsageError."""
    pairs = []
    for text in arguments or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(reason=f"{option} must be {form}, not {text!r}")
        pairs.append((key, value))
    return pairs


def _read_json_or_text(word: str) -> Any:
    try:
        return read_json(word)
    except ValueError:
        return word
