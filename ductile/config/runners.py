"""Which runner a plugin gets, and why."""

from pathlib import Path

from msgspec import Struct

from ductile.model.manifest import Manifest
from ductile.plugin.runner.errors import Unforkable
from ductile.plugin.runner.python import interpreter_argv


class Choice(Struct, frozen=True, kw_only=True):
    """A runner by its name."""

    runner: str
    reason: str
    """Why, as a sentence without its end."""
    unmet: bool = False
    """The configuration asks for another one, which this plugin cannot have."""


def choose(wanted: str, manifest: Manifest, executable: Path) -> Choice:
    """The runner for `plugins.<name>.runner`: `auto` does as the manifest says, forks what is Python, spawns the rest.

    What may be kept up may also be run once a job; the reverse needs the plugin's own word. A plain program is spawned.
    """
    lifecycle = manifest.lifecycle
    if wanted == "spawn":
        return Choice(runner="spawn", reason="`runner: spawn` asks for it")
    if manifest.has_programs:
        return Choice(runner="spawn", reason="its manifest says `output: text`", unmet=wanted != "auto")
    if lifecycle == "persistent" and wanted != "fork":
        return Choice(runner="persistent", reason="its manifest says `lifecycle: persistent`")
    if wanted == "persistent":
        choice = choose("auto", manifest, executable)
        reason = f"its manifest does not say `lifecycle: persistent`, and {choice.reason}"
        return Choice(runner=choice.runner, reason=reason, unmet=True)
    try:
        interpreter = interpreter_argv(executable)
    except Unforkable as error:
        return Choice(runner="spawn", reason=f"it cannot be forked: {error.reason}", unmet=wanted == "fork")
    return Choice(runner="fork", reason=f"its shebang runs `{' '.join(interpreter)}`")
