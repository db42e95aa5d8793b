"""What can be wrong with a plugin."""

from ductile.document.problem import Path
from ductile.errors import Unprocessable


class BadSchema(Unprocessable):
    """This is no valid JSON Schema: {reason}."""

    code = "bad_schema"

    def __init__(self, *, reason: str, at: Path = ()) -> None:
        super().__init__(reason=reason, at=list(at))
        self.at = at
        """Where inside the schema, as it was written."""
