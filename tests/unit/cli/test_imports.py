"""What a quick command must not import: each of these takes longer to import than the command to run."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

HEAVY = {
    "ahocorasick_rs",
    "aiohttp",
    "asyncio",
    "jsonschema_rs",
    "pydantic",
    "pydantic_settings",
    "re2",
    "rich.console",
    "ruamel.yaml",
    "structlog",
    "ductile.app",
    "ductile.config.compile",
    "ductile.config.load",
    "ductile.config.schema",
    "ductile.flow.dsl",
    "ductile.kit",
}
CLIENT = {"ductile.client", "http.client"}
"""What a command needs only to ask a gateway."""
JOB = "01980000-0000-7000-8000-000000000000"
ROW = (
    f'{{"job_id": "{JOB}", "plugin": "echo", "command": "poll", "status": "failed", '
    '"created_at": "2030-01-01T00:00:00Z"}'
)
ANSWERS = {
    "/jobs": f'{{"jobs": [{ROW}], "total": 1, "cursor": null}}',
    f"/job/{JOB}": ROW,
    f"/job/{JOB}/tree": f"[{ROW}]",
    f"/job/{JOB}/logs": f'{{"job_id": "{JOB}", "logs": []}}',
    f"/job/{JOB}/cancel": '{"job_id": "x", "status": "cancelled"}',
    "/plugins": '{"plugins": []}',
    "/healthz": '{"status": "ok", "queue_depth": 0}',
    "/skills": '{"skills": []}',
    "/analytics/queue": '{"queue_depth": 0, "workers": {}}',
    "/analytics/summary": '{"stats": {}, "total": 0}',
}


class Gateway(BaseHTTPRequestHandler):
    """Answers what the commands ask."""

    def do_GET(self) -> None:
        """Every call."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = ANSWERS[self.path.partition("?")[0]].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration as `config init` writes one, whose gateway answers."""
    folder = tmp_path_factory.mktemp("config")
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        (folder / ".env").write_text("DUCTILE_ADMIN_TOKEN=0123456789abcdef\n")
        (folder / "more.yaml").write_text("service: {name: x}\n")
        (folder / "config.yaml").write_text(
            "include: [more.yaml]\nenvironment_vars:\n  include: [.env]\n"
            f"api:\n  listen: 127.0.0.1:{server.server_port}\n"
            "  auth: {tokens: [{name: admin, token: '${DUCTILE_ADMIN_TOKEN}', scopes: ['*']}]}\n"
        )
        yield folder
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "--version",
        "job --help",
        "job list --help",
        "job list",
        "job list --format table --status failed --since 1h --limit 5",
        "job list --format list --plugin echo -q",
        "job inspect 01980000",
        "job inspect --last --tree",
        "job tree --last",
        "job logs --last",
        "job cancel --last",
        "plugin list",
        "queue stats",
        "system status",
        "system skills",
    ],
)
def test_a_command_that_only_asks_imports_neither_aiohttp_nor_pydantic_nor_rich(config: Path, line: str) -> None:
    script = (
        "import sys; from ductile.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, *sorted(sys.modules), file=sys.stderr)"
    )
    asks = "--help" not in line and line != "--version"
    words = [*line.split(), *(["--config-dir", str(config)] if asks else [])]
    ended = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    *_, told = ended.stderr.splitlines()
    code, *modules = told.split()
    assert (code, ended.stdout != "") == ("0", True), ended.stderr
    assert sorted((HEAVY if asks else HEAVY | CLIENT) & set(modules)) == []
