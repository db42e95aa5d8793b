"""The Dockerfile and the systemd unit: what of them can be checked without a daemon."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.pages import ROOT
from support.rows import default_rows

from ductile.config.schema.service import ServiceSection
from ductile.config.schema.units import SECOND
from ductile.document.units import duration

UNIT = ROOT / "scripts/ductile.service"
INSTRUCTIONS = {
    "FROM", "RUN", "CMD", "EXPOSE", "ENV", "COPY", "ENTRYPOINT", "VOLUME", "USER", "WORKDIR", "HEALTHCHECK",
    "STOPSIGNAL",
}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, their lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    parted = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, rest in parted]


def test_the_image_has_locked_dependencies_and_no_rights() -> None:
    found = instructions()
    assert {name for name, _ in found} <= INSTRUCTIONS
    stages = [at for at, (name, _) in enumerate(found) if name == "FROM"]
    assert len(stages) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+( AS \w+)?", found[at][1]) for at in stages)
    assert any("--require-hashes --requirement requirements.lock" in text for name, text in found if name == "RUN")
    last = dict(found[stages[-1] :])
    assert (last["USER"], last["STOPSIGNAL"], last["VOLUME"]) == ("ductile", "SIGTERM", "/var/lib/ductile")
    assert last["ENTRYPOINT"] == '["tini", "--", "ductile"]'
    paths = {row.path for row in default_rows()}
    assert set(re.findall(r"127\.0\.0\.1:8080(/\w+)", last["HEALTHCHECK"])) <= paths


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name, text in instructions():
        if name == "COPY" and "--from=" not in text:
            *sources, _ = text.split()
            assert {source for source in sources if (ROOT / source).exists()} == set(sources)
            assert set(sources) <= kept


def test_the_unit_waits_longer_than_the_gateway_takes_to_stop() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign, assignment]  # systemd's names have capitals
    unit.read(UNIT)
    service = unit["Service"]
    defaults = ServiceSection()
    assert int(service["TimeoutStopSec"]) * SECOND > defaults.drain_timeout + defaults.kill_grace + duration("10s")
    assert (service["Type"], service["KillMode"], service["RestartPreventExitStatus"]) == ("notify", "mixed", "78")
    assert "-HUP" in service["ExecReload"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd to read the unit")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "ductile.service"
    unit.write_text(UNIT.read_text().replace("/opt/ductile/bin/ductile", shutil.which("true") or "/bin/true"))
    read = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")
