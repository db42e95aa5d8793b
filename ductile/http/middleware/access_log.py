"""One line a request: debug where it only looked and succeeded, error for the gateway's own faults, else info."""

import structlog

from ductile.http.ask import Ask, Reply

log = structlog.get_logger(__name__)

_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})


def access_log(ask: Ask, reply: Reply, seconds: float) -> None:
    """Log method, path, status, duration, who asked and from where. Query and body may hold what is private."""
    status = reply.status
    if status < 400 and ask.snapshot.service.log_level != "debug":  # noqa: PLR2004 - the first status of an error
        return
    quiet = status < 400 and ask.method in _LOOKING  # noqa: PLR2004 - the class of success
    say = log.debug if quiet else log.info if status < 500 else log.error  # noqa: PLR2004 - the gateway's own faults
    say(
        "request",
        method=ask.method,
        path=ask.raw_path,
        status=status,
        duration_ms=round(seconds * 1000, 3),
        request_id=ask.request_id,
        client=ask.client_address,
        principal=ask.principal.id if ask.principal else None,
    )
