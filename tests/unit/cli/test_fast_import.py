import subprocess
import sys
from importlib import import_module

import pytest

from ductile.cli.core.gateway.fast_import import module_hidden


def test_an_absent_module_cannot_be_imported_meanwhile() -> None:
    sys.modules.pop("this", None)
    with module_hidden("this"), pytest.raises(ModuleNotFoundError):
        import_module("this")
    assert "this" not in sys.modules


def test_a_module_that_was_imported_before_stays() -> None:
    before = import_module("json")
    with module_hidden("json"):
        assert import_module("json") is before
    assert sys.modules["json"] is before


def test_certificates_are_read_beside_the_imports_and_before_they_are_done() -> None:
    """In a process of its own, where aiohttp is not imported yet."""
    script = """
import sys, threading
from ssl import SSLContext
read = []
def reads(self):
    imported.wait(10)
    read.append((self, threading.current_thread().name, "aiohttp.web" in sys.modules))
SSLContext.set_default_verify_paths = reads
imported = threading.Event()
from ductile.cli.core.gateway.fast_import import certificates_read_in_thread
with certificates_read_in_thread():
    assert read == [], read
    imported.set()
from aiohttp import connector
contexts = [connector._SSL_CONTEXT_VERIFIED, connector._SSL_CONTEXT_UNVERIFIED]
print(read == [(context, "certificates", True) for context in contexts], SSLContext.set_default_verify_paths is reads)
"""
    ended = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True", "True"]


def test_the_gateways_code_is_there_without_what_a_start_does_not_need() -> None:
    script = """
import sys
from ductile.cli.core.gateway.fast_import import import_gateway
run = import_gateway()
print(run.__module__, "aiohttp.web" in sys.modules, "rich" in sys.modules, "prometheus_client" in sys.modules)
import rich
"""
    ended = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["ductile.app", "True", "False", "False"]
