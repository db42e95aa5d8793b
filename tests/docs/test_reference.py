"""The reference is what the code says. `UPDATE_GOLDEN=1` (or `scripts/docs`) writes it anew."""

import os
import subprocess
import sys

from support.pages import ROOT


def test_the_reference_is_generated_from_the_code() -> None:
    check = [] if os.environ.get("UPDATE_GOLDEN") else ["--check"]
    made = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "scripts/reference", *check],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, ""), made.stdout + made.stderr
