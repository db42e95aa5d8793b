"""The gateway's own log: structured, on stderr, as JSON or for a console."""

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str, form: str) -> None:
    """Send every log line to stderr. `form` is `json`, `console`, or `auto`: a console on a terminal, else JSON."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    last = (
        (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),)
        if console
        else (structlog.processors.format_exc_info, _in_order, structlog.processors.JSONRenderer(serializer=_json))
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When, how grave and what, before everything else: lines are read by people, too."""
    first = {"timestamp": event.pop("timestamp"), "level": event.pop("level"), "message": event.pop("event")}
    return {**first, **event}


def _json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
