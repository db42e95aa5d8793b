"""A browser that reaches nothing but one host."""

import shutil
import subprocess
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SPELLING = "escaping deep link whitespace with `_`"
"""The page's library on every operation id with `_`, where somebody opens the page at one."""
TIMEOUT_SECONDS = 90
"""Seconds that a browser may take on a busy machine."""


def found() -> str:
    """The browser of this machine; skips the test where there is none."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    return browser or pytest.skip(f"no browser is installed; any of {', '.join(BROWSERS)} would do")


def opened(browser: str, host: str, url: str, folder: Path) -> tuple[str, list[str]]:
    """The page as the browser has made it, and its complaints."""
    ended = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {host}",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"--user-data-dir={folder}",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    return ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line and SPELLING not in line]
