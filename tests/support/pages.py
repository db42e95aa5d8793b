"""Pages of documentation as tests: their blocks run in order, in one shell at a terminal, and print what the page says.

A comment right above a block says what it is; without one a `sh` block is run, and the `text` or `json` block right
below it is what it prints.

    <!-- file: PATH -->           the block is written to PATH, executable where it begins with #!
    <!-- merge into: PATH -->     the block is YAML that belongs into the file at PATH: maps merge, lists append
    <!-- starts the gateway -->   the command runs until the page ends, and the next one comes once it is ready
    <!-- any output -->           what it prints varies or does not matter
    <!-- configuration -->        YAML that is compiled beside a new configuration
    <!-- manifest -->             YAML that is read as a manifest
    <!-- request -->, <!-- response -->   JSON (or JSON values one below the other) of the protocol
    <!-- not run: REASON -->      it cannot run here; that it is sound shell is checked

In what is printed, `…` stands for anything: on a line of its own for lines, in JSON for a value, or as a member
`"…": "…"` for members. `UPDATE_GOLDEN=1` writes what was printed into the page where it differs.
"""

import json
import os
import pty
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.warm import CLIENT

ROOT = Path(__file__).parents[2]
ADDRESS = "127.0.0.1:8080"
"""Where the gateway of a page listens, as the page says it."""
HOME = "/home/ada"
"""What stands for the folder that a page is run in."""
REST = "…"

BLOCK = re.compile(
    r"^(?:<!-- (?P<marker>[^\n]*?) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```\n", re.MULTILINE | re.DOTALL
)
BETWEEN = "\x1e"
SET_UP = "\x1d"
VARYING = [
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]+…"), "(id)"),  # cut by a narrow table
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "(id)"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "(time)"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "(time)"),
    (re.compile(r"[0-9a-f]{64}"), "(hash)"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s)\b"), "(duration)"),
    (re.compile(r"\b(duration_ms: +)\d+"), r"\1(number)"),
    (re.compile(r'("(?:duration_ms|uptime_seconds|p50|p95|p99)": ?)[\d.]+'), r"\1(number)"),
]
KINDS = ("sh", "yaml", "json", "text", "python", "js", "ini", "dockerfile", "nginx", "mermaid", "promql")
TIMEOUT = 100


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    marker: str
    text: str
    span: tuple[int, int]
    """Where its text stands in the page."""
    output: "Block | None" = None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.language == "sh" and not self.marker.startswith(("not run: ", "file: "))


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, each with the output that follows it."""
    text = page.read_text()
    found: list[Block] = []
    end = -1
    for match in BLOCK.finditer(text):
        block = Block(
            page=page,
            line=text.count("\n", 0, match.start("text")),
            language=match["language"],
            marker=match["marker"] or "",
            text=match["text"],
            span=match.span("text"),
        )
        last = found[-1] if found else None
        if last and last.runs and block.language in ("text", "json") and text[end : match.start()].strip() == "":
            found[-1] = Block(**{**vars(last), "output": block})
        else:
            found.append(block)
        end = match.end()
    return found


def script(blocks: Sequence[Block], address: str) -> str:
    """All that a page does, as one script. What a block prints stands between two separators."""
    parts = ["set -eu"]
    for block in blocks:
        command = _command(block, address)
        if command:
            parts.append(command)
    if any(block.marker == "starts the gateway" for block in blocks):
        parts.append("kill -TERM $GATEWAY 2> gone.log || true\nwait $GATEWAY")  # it must end with 0
    return "\n".join(parts) + "\n"


def _command(block: Block, address: str) -> str:
    text = block.text.replace(ADDRESS, address)
    kind, _, path = block.marker.partition(": ")
    if kind in ("file", "merge into"):
        name = shlex.quote(path)
        into = f"merge-yaml {name}" if kind == "merge into" else f"mkdir -p $(dirname {name}) && cat > {name}"
        executable = f"chmod +x {name}\n" if text.startswith("#!") else ""
        return f"{into} <<'END OF BLOCK'\n{text}END OF BLOCK\n{executable}"
    if block.marker == "starts the gateway":
        return (
            f"{text.strip()} > gateway.log 2>&1 &\nGATEWAY=$!\ntrap 'kill -TERM $GATEWAY 2> gone.log || true' EXIT\n"
            f"until curl -sf http://{address}/readyz > ready.json; do kill -0 $GATEWAY; sleep 0.05; done\n"
        )
    if not block.runs:
        return ""
    return f"printf '{SET_UP}%s{BETWEEN}' {shlex.quote(block.place)}\n{text}\nprintf '{BETWEEN}'\n"


def run(blocks: Sequence[Block], folder: Path, address: str, environ: Mapping[str, str]) -> list[str]:
    """What each block that is run prints, at a terminal. Fails with the place of the block that does."""
    control, terminal = pty.openpty()
    chunks: list[bytes] = []

    def drain() -> None:
        while True:
            try:
                chunk = os.read(control, 65536)
            except OSError:
                return
            if not chunk:
                return
            chunks.append(chunk)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        ended = subprocess.run(
            ["bash", "-c", script(blocks, address)],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            timeout=TIMEOUT,
            check=False,
        )
    finally:
        os.close(terminal)
        reader.join()
        os.close(control)
    printed = b"".join(chunks).decode().replace("\r\n", "\n").replace(address, ADDRESS).replace(str(folder), HOME)
    shown = [one.split(BETWEEN) for one in printed.split(SET_UP)]
    assert ended.returncode == 0, f"{shown[-1][0]} failed with {ended.returncode}:\n{printed[-3000:]}"
    assert [shown[0][-1], *(after for _, _, after in shown[1:])] == [""] * len(shown), printed
    return [output for _, output, _ in shown[1:]]


def faults(blocks: Sequence[Block], outputs: Sequence[str]) -> Iterator[str]:
    """Where the page says another thing than what was printed; with UPDATE_GOLDEN the page is written instead."""
    shown = [block for block in blocks if block.runs and block.marker != "starts the gateway"]
    wrong: list[tuple[Block, str]] = []
    for block, output in zip(shown, outputs, strict=True):
        if block.output is None:
            if output.strip() and block.marker != "any output":
                yield f"{block.place} prints, and the page does not say what:\n{output}"
        elif not same(block.output.text, output, block.output.language):
            wrong.append((block.output, output))
    if os.environ.get("UPDATE_GOLDEN"):
        _rewrite(wrong)
    else:
        for block, output in wrong:
            yield f"{block.place} says\n{block.text}\nbut there is\n{output}"


def _rewrite(wrong: Sequence[tuple[Block, str]]) -> None:
    for block, output in reversed(wrong):
        text = block.page.read_text()
        new = output
        if block.language == "json" and not _on_one_line(output):
            new = json.dumps(json.loads(output), indent=2, ensure_ascii=False) + "\n"
        elif not new.endswith("\n"):
            new += "\n"
        block.page.write_text(text[: block.span[0]] + new + text[block.span[1] :])


def same(said: str, printed: str, language: str) -> bool:
    """Whether this is what the page says, but for what varies."""
    if language == "json":
        try:
            return _on_one_line(said) == _on_one_line(printed) and fits(_json(said), _json(printed))
        except ValueError:
            return False
    lines = "\n".join(line.rstrip() for line in _steady(said).strip().splitlines())
    pattern = re.escape(lines).replace(REST, r"(?:.|\n)*?")
    real = "\n".join(line.rstrip() for line in _steady(printed).strip().splitlines())
    return re.fullmatch(re.sub(r"(\\ )+", r"\\ +", pattern), real) is not None


def _on_one_line(text: str) -> bool:
    """Whether a reader sees the value on one line; a page must show an answer as the command prints it."""
    return "\n" not in text.strip()


def _steady(text: str) -> str:
    for pattern, stand_in in VARYING:
        text = pattern.sub(stand_in, text)
    return text


def _json(text: str) -> Any:
    return json.loads(_steady(text).replace("(number)", "0"))


def fits(said: Any, real: Any) -> bool:
    """Whether a JSON value is as a page says it."""
    if said == REST:
        return True
    if isinstance(said, dict) and isinstance(real, dict):
        open_end = REST in said
        named = {key: value for key, value in said.items() if key != REST}
        return (open_end or named.keys() == real.keys()) and all(
            key in real and fits(value, real[key]) for key, value in named.items()
        )
    if isinstance(said, list) and isinstance(real, list):
        if said and said[-1] == REST:
            said, real = said[:-1], real[: len(said) - 1]
        return len(said) == len(real) and all(fits(*pair) for pair in zip(said, real, strict=True))
    return bool(said == real)


def free_address() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def warm_ductile(folder: Path) -> Iterator[Path]:
    """A server that answers `ductile`, at a socket in the folder."""
    at = folder / "warm"
    start = [sys.executable, "-W", "error", ROOT / "tests/support/warm.py", at]
    with subprocess.Popen(start, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            yield at
        finally:
            server.terminate()


def shims(folder: Path, warm: Path, address: str) -> Path:
    """A folder for the PATH: `ductile`, whose new configurations listen at the address, and `merge-yaml`."""
    folder.mkdir(parents=True)
    scripts = {
        "ductile": CLIENT.format(python=sys.executable, address=address, socket=warm),
        "merge-yaml": f"#!{sys.executable}\n{MERGE}",
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


MERGE = """
import sys, yaml

def merged(one, two):
    if isinstance(one, dict) and isinstance(two, dict):
        return {**one, **{key: merged(one.get(key), value) for key, value in two.items()}}
    return one + two if isinstance(one, list) and isinstance(two, list) else two

path = sys.argv[1]
whole = merged(yaml.safe_load(open(path)), yaml.safe_load(sys.stdin))
yaml.safe_dump(whole, open(path, "w"), sort_keys=False)
"""


def environ(path: Path, **more: str) -> dict[str, str]:
    """The variables that a page's shell starts with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DUCTILE_", "COV_"))}
    return {
        **kept,
        "PATH": f"{path}:{Path(sys.executable).parent}:{kept['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
        **more,
    }
