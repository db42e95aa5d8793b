"""The files of a configuration as the command line reads them."""

import os
from collections.abc import Mapping
from pathlib import Path

from ductile.config.load import Layers, load_layers
from ductile.sections import SECTIONS


def read_layers(location: Path, environ: Mapping[str, str] = os.environ) -> Layers:
    """All files with the variables over them; they may hold what features have added."""
    return load_layers(location, environ, sections=SECTIONS)
