"""One line a request: debug where it only looked and succeeded, error for the gateway's own faults, else info."""

import structlog

from ductile.http.reply import Reply
from ductile.http.request import Request

log = structlog.get_logger(__name__)

_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def log_access(request: Request, reply: Reply, seconds: float) -> None:
    """Log method, path, status, duration, who asked and from where. Query and body may hold what is private."""
    status = reply.status
    if status < 400 and request.snapshot.service.log_level != "debug":  # noqa: PLR2004 - the first status of an error
        return
    quiet = status < 400 and request.method in _READING_METHODS  # noqa: PLR2004 - the class of success
    say = log.debug if quiet else log.info if status < 500 else log.error  # noqa: PLR2004 - the gateway's own faults
    say(
        "request",
        method=request.method,
        path=request.raw_path,
        status=status,
        duration_ms=round(seconds * 1000, 3),
        request_id=request.request_id,
        client=request.client_address,
        principal=request.principal.id if request.principal else None,
    )
