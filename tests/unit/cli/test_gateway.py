import subprocess
import sys
from importlib import import_module
from ssl import SSLContext, create_default_context
from threading import current_thread
from threading import enumerate as threads

import pytest

from ductile.cli.gateway import absent, certificates_later


def test_an_absent_module_cannot_be_imported_meanwhile() -> None:
    sys.modules.pop("this", None)
    with absent("this"), pytest.raises(ModuleNotFoundError):
        import_module("this")
    assert "this" not in sys.modules


def test_a_module_that_was_imported_before_stays() -> None:
    before = import_module("json")
    with absent("json"):
        assert import_module("json") is before
    assert sys.modules["json"] is before


def test_certificates_are_read_in_a_thread_once_the_imports_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[SSLContext, str]] = []
    reader = lambda self: read.append((self, current_thread().name))  # noqa: E731 - becomes a method
    monkeypatch.setattr(SSLContext, "set_default_verify_paths", reader)
    with certificates_later():
        contexts = [create_default_context(), create_default_context()]
        assert read == []
    for thread in threads():
        if thread.name == "certificates":
            thread.join()
    assert read == [(context, "certificates") for context in contexts]
    assert SSLContext.set_default_verify_paths is reader


def test_the_gateways_code_is_there_without_the_tables_of_the_command_line() -> None:
    script = """
import sys
from ductile.cli.gateway import gateway
run = gateway()
print(run.__module__, "aiohttp.web" in sys.modules, "rich" in sys.modules)
import rich
"""
    ended = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["ductile.app", "True", "False"]
