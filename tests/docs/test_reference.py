"""The reference is what the code says. `UPDATE_GOLDEN=1` (or `scripts/docs`) writes it anew."""

import os
import subprocess
import sys

from support.pages import ROOT

from ductile.kit.conformance import RULES
from ductile.kit.kit_settings import Case, Expectation, Settings


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


def test_the_page_on_testing_plugins_names_every_case_and_key() -> None:
    page = (ROOT / "docs/how-to/test-plugins.md").read_text()
    expected = {f"expect.{name}" for name in Expectation.model_fields}
    names = {*RULES, *Settings.model_fields, *Case.model_fields, *expected} - {"expect"}
    assert {name for name in names if f"`{name}`" not in page and f"\n{name}:" not in page} == set()
