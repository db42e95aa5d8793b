"""The gateway's own log: structured, on stderr, as JSON or for a console."""

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from ductile.document.redactor import Redactor

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_log(level: str, form: str, service: str, redactor: Redactor) -> None:
    """Send every log line to stderr, that of libraries too, each with the name of the service and without secrets.

    `form` is `json`, `console`, or `auto`: a console on a terminal, else JSON.
    """
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderers = (
        (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),)
        if console
        else (_order_fields, structlog.processors.JSONRenderer(serializer=_write_json))
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _AddService(service),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _RedactEvent(redactor),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    libraries = logging.getLogger()
    libraries.handlers[:] = [_ForwardHandler()]
    libraries.setLevel(logging.WARNING)


class _AddService:
    """Adds the name of the service: several services may write to one log."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._service)
        return event


class _RedactEvent:
    """Redacts the secrets in a line, also parts of a secret that was cut."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {name: self._redact(value) for name, value in event.items()}

    def _redact(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.clip(str(value))
        return value if value is None or isinstance(value, bool) else self._redactor.value(value)


class _ForwardHandler(logging.Handler):
    """Forwards log records of libraries to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


def _order_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put timestamp, level and message first: people read the lines, too."""
    first = {"timestamp": event.pop("timestamp"), "level": event.pop("level"), "message": event.pop("event")}
    return {**first, **event}


def _write_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
