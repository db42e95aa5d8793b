"""One line a request: what succeeded at level debug, a client's mistake at info, the gateway's own at error."""

import time

import structlog

from ductile.http.ask import Ask, Handler, Reply

log = structlog.get_logger(__name__)


async def access_log(ask: Ask, proceed: Handler) -> Reply:
    """Log method, path, status, duration and who asked. Neither query nor body: they may hold what is private."""
    began = time.perf_counter()
    reply = await proceed(ask)
    status = reply.status
    if status < 400 and ask.snapshot.service.log_level != "debug":  # noqa: PLR2004 - the first status of an error
        return reply
    say = log.debug if status < 400 else log.info if status < 500 else log.error  # noqa: PLR2004 - classes of status
    say(
        "request",
        method=ask.method,
        path=ask.raw_path,
        status=status,
        duration_ms=round((time.perf_counter() - began) * 1000, 3),
        request_id=ask.request_id,
        principal=ask.principal.id if ask.principal else None,
    )
    return reply
