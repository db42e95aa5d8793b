"""The report of `ductile config check`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ductile import parts
from ductile.config.compile import compile_config
from ductile.config.errors import InvalidConfiguration
from ductile.config.installation import keyed_hash
from ductile.model.snapshot import Snapshot


def compile_or_raise(location: Path, environ: Mapping[str, str]) -> Snapshot:
    """The snapshot of a configuration. Raises InvalidConfiguration with every problem of it."""
    result = compile_config(location, environ, generation=1, surfaces=parts.SURFACES, sections=parts.SECTIONS)
    if result.snapshot is None:
        summary = f"{len(result.errors)} errors" if len(result.errors) > 1 else "an error"
        errors = [problem.public() for problem in result.errors]
        raise InvalidConfiguration(path=location, found=summary, errors=errors)
    return result.snapshot


def check_config(location: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Compiles the configuration as a start and a reload do: `{ok, errors, warnings, problems, lines, …}`.

    `problems` are as HTTP shows them. So are `notes`, of which nothing is wrong. `lines` are both as sentences. What is
    loaded is null where there are errors, and the hash where no gateway has served the configuration yet.
    """
    compiled = compile_config(location, environ, generation=1, surfaces=parts.SURFACES, sections=parts.SECTIONS)
    snapshot = compiled.snapshot
    return {
        "ok": snapshot is not None,
        "errors": len(compiled.errors),
        "warnings": len(compiled.problems) - len(compiled.errors),
        "config_path": str(location),
        "config_hash": keyed_hash(snapshot) if snapshot else None,
        "plugins": sorted(snapshot.plugins) if snapshot else None,
        "pipelines": sorted(snapshot.pipelines) if snapshot else None,
        "problems": [problem.public() for problem in compiled.problems],
        "notes": [note.public() for note in compiled.notes],
        "lines": [str(problem) for problem in (*compiled.problems, *compiled.notes)],
    }
