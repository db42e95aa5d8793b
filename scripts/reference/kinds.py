"""What the gateway tells: kinds of the journal, and metrics."""

from markdown import code, table

from ductile.model.journal import EntryKind
from ductile.observe.metrics import ALL_METRICS


def journal() -> str:
    """The kinds of events that `GET /events` streams."""
    return table(("type", "says"), [(code(kind.value), kind.description) for kind in EntryKind])


def metrics() -> str:
    """Every metric."""
    rows = [
        (code(one.name), one.type.value, ", ".join(code(label) for label in one.labels), one.help)
        for one in ALL_METRICS
    ]
    return table(("metric", "type", "labels", "meaning"), rows)
