"""The gateway's own log: structured, on stderr, as JSON or for a console."""

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from ductile.document.redactor import Redactor

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str, form: str, service: str, redactor: Redactor) -> None:
    """Send every log line to stderr, that of libraries too, each with the name of the service and without secrets.

    `form` is `json`, `console`, or `auto`: a console on a terminal, else JSON.
    """
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    last = (
        (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),)
        if console
        else (_in_order, structlog.processors.JSONRenderer(serializer=_json))
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _Named(service),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _Redacted(redactor),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    libraries = logging.getLogger()
    libraries.handlers[:] = [_Forward()]
    libraries.setLevel(logging.WARNING)


class _Named:
    """Adds which service speaks: several may write to one place."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._service)
        return event


class _Redacted:
    """Takes the secrets out of all that a line says; what was cut out of one counts as a secret too."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {name: self._shown(value) for name, value in event.items()}

    def _shown(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.clipped(str(value))
        return value if value is None or isinstance(value, bool) else self._redactor.value(value)


class _Forward(logging.Handler):
    """What libraries log through the standard library, as a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When, how grave and what, before everything else: lines are read by people, too."""
    first = {"timestamp": event.pop("timestamp"), "level": event.pop("level"), "message": event.pop("event")}
    return {**first, **event}


def _json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
