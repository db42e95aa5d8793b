import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ductile.document.redactor import Redactor
from ductile.observe.log import configure_log


@pytest.fixture(autouse=True)
def _restore_log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def log_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_says_when_how_grave_and_what_and_which_service(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", "json", "kitchen", Redactor(["a-secret-word"]))
    structlog.get_logger().info("cooked", dish="soup")
    structlog.get_logger().debug("tasted")
    [line] = log_lines(capsys)
    assert list(line) == ["timestamp", "level", "message", "dish", "service"]
    assert (line["level"], line["message"], line["dish"], line["service"]) == ("info", "cooked", "soup", "kitchen")


def test_what_libraries_log_is_a_line_of_ours_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", "json", "kitchen", Redactor(["a-secret-word"]))
    try:
        int("no number")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("request %d failed", 7)
    logging.getLogger("aiohttp.server").info("not worth a line")
    [line] = log_lines(capsys)
    assert (line["level"], line["message"], line["logger"]) == ("error", "request 7 failed", "aiohttp.server")
    assert "ValueError" in str(line["exception"])


def test_a_console_gets_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", "console", "kitchen", Redactor(["a-secret-word"]))
    structlog.get_logger().info("cooked")
    assert "cooked" in capsys.readouterr().err


def test_a_traceback_on_a_console_shows_no_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", "console", "kitchen", Redactor(["a-secret-word"]))
    recipe = "spice".upper()
    try:
        int("no number")
    except ValueError:
        structlog.get_logger().exception("burnt")
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert recipe not in shown


def test_no_line_holds_a_secret_nor_a_piece_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "console"):
        configure_log("info", form, "kitchen", Redactor(["a-secret-word", "1234567890"]))
        try:
            raise ValueError("a-secret-word")  # noqa: EM101, TRY301 - the message is the point
        except ValueError:
            structlog.get_logger().exception("a-secret-word", said=["a-secret-word", 1234567890], cut="a-secr…")
        shown = capsys.readouterr().err
        assert "a-secr" not in shown
        assert "1234567890" not in shown
        assert "Traceback" in shown
