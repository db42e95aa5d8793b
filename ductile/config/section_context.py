"""What the section of a feature is compiled with."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from ductile.config.instances import Instances
from ductile.config.schema.configuration import Configuration
from ductile.document.locations import Marks
from ductile.document.problem import Problem
from ductile.document.validation import problem_at
from ductile.model.graph import Graph
from ductile.model.principal import Principal


class SectionContext(Struct, frozen=True, kw_only=True):
    """What the rest of the configuration has become."""

    key: str
    """Of the section that is compiled."""
    root: Path
    """The configuration's folder."""
    configuration: Configuration
    """All sections as they were validated."""
    instances: Instances
    pipelines: Mapping[str, Graph]
    principals: Mapping[str, Principal]
    """BLAKE3 (hex) of a token → who it is."""
    marks: Marks

    def problem(self, code: str, message: str, *path: str | int, severity: str = "error") -> Problem:
        """A problem at a path inside the section, with its file, line and column."""
        return problem_at(code, message, (self.key, *path), self.marks, severity=severity)
