"""The bundled plugins behind a real gateway: what a caller gets from each of them."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway, gateways
from support.processes import watching

PLUGINS = Path(__file__).parents[2] / "plugins"
PAGE = b"<html><title>News</title><nav>skip</nav><h1>Today</h1><p>All is <b>well</b>."


class Pages(http.server.BaseHTTPRequestHandler):
    """`/page` is a page, `/busy` asks to come back, the rest is not there."""

    def do_GET(self) -> None:
        status = {"/page": 200, "/busy": 503}.get(self.path, 404)
        self.send_response_only(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """A web server on the loopback interface; its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, site: int) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("bundled")
    for gateway in gateways(folder):
        (folder / "notes").mkdir()
        gateway.configure(plugin_roots=[str(PLUGINS)], plugins=plugins(site), pipelines=PIPELINES)
        yield gateway.start()


def plugins(site: int) -> dict[str, Any]:
    return {
        "echo": {},
        "sys_exec": {
            "max_attempts": 1,
            "timeouts": {"poll": "10s"},
            "config": {
                "commands": {
                    "say": {"argv": ["printf", "%s", "{text}"], "args": {"text": {}}},
                    "hold": {
                        "argv": ["sh", "-c", 'echo $$ > "$1"; exec sleep 300', "sh", "{file}"],
                        "args": {"file": {}},
                    },
                }
            },
        },
        "switch": {
            "config": {
                "field": "payload.text",
                "checks": [{"contains": "urgent", "emit": "note.urgent"}, {"default": "note.other"}],
            }
        },
        "stress": {"max_attempts": 1, "timeouts": {"handle": "1s"}},
        "file_watch": {"config": {"watches": [{"id": "note", "path": "notes/*.txt"}]}},
        "fetch": {"config": {"ports": [site]}, "max_attempts": 1},
        "near": {
            "uses": "fetch",
            "max_attempts": 1,
            "config": {"ports": [site], "allow_private": ["127.0.0.0/8"], "output_format": "markdown"},
        },
    }


PIPELINES: list[dict[str, Any]] = [
    {
        "name": "read-page",
        "on": "page.wanted",
        "steps": [
            {"id": "fetch", "uses": "near"},
            {"id": "say", "uses": "echo", "with": {"message": "{payload.content}"}},
        ],
    },
    {"name": "triage", "on": "note.new", "steps": [{"uses": "switch"}]},
    {
        "name": "urgent",
        "on": "note.urgent",
        "from_plugin": "switch",
        "steps": [{"uses": "echo", "with": {"message": "urgent: {payload.text}"}}],
    },
    {"name": "told", "on": "fetch.failed", "steps": [{"uses": "echo", "with": {"message": "{payload.error}"}}]},
]


def only_event(job: dict[str, Any]) -> dict[str, Any]:
    assert job["status"] == "succeeded", job
    (event,) = job["result"]["events"]
    found: dict[str, Any] = event
    return found


def test_fetch_hands_the_text_of_a_page_to_the_next_step(sample: Gateway, site: int) -> None:
    tree = sample.run_pipeline("read-page", {"url": f"http://127.0.0.1:{site}/page"})
    assert [row["status"] for row in tree] == ["succeeded"] * 3
    assert tree[-1]["result"]["result"] == "# Today\n\nAll is **well**."


def test_fetch_reaches_nothing_private_and_raises_an_alert(sample: Gateway, site: int) -> None:
    job = sample.run("fetch", "handle", {"url": f"http://127.0.0.1:{site}/page"})
    assert job["status"] == "failed"
    assert "allow_private" in job["last_error"]
    assert sample.post("/plugin/fetch/handle", {"payload": {"url": 5}}).status == 400


def test_fetch_that_fails_in_a_pipeline_starts_what_waits_for_it(sample: Gateway, site: int) -> None:
    tree = sample.run_pipeline("read-page", {"url": f"http://127.0.0.1:{site}/busy"})
    assert tree[0]["status"] == "failed"
    job = sample.until(
        lambda: [job for job in sample.jobs(plugin="echo", status="succeeded") if "503" in said(sample, job)]
    )
    assert said(sample, job[0]) == "HTTP 503"


def heard(sample: Gateway, text: str) -> bool:
    """Whether echo has said exactly this."""
    return any(said(sample, job) == text for job in sample.jobs(plugin="echo", status="succeeded"))


def said(sample: Gateway, job: dict[str, Any]) -> str:
    return str(sample.get(f"/job/{job['job_id']}")["result"]["result"])


def test_file_watch_says_once_what_came_since_the_last_poll(sample: Gateway) -> None:
    assert sample.run("file_watch", "poll")["result"]["events"] == []
    (sample.folder / "notes/new.txt").write_text("x")
    assert only_event(sample.run("file_watch", "poll"))["payload"]["name"] == "new.txt"
    assert sample.run("file_watch", "poll")["result"]["events"] == []


def test_sys_exec_runs_what_is_allowed_and_nothing_else(sample: Gateway) -> None:
    event = only_event(sample.run("sys_exec", "handle", {"run": "say", "args": {"text": "$(id) ☃"}}))
    assert (event["type"], event["payload"]["stdout"]) == ("sys_exec.completed", "$(id) ☃")
    assert sample.run("sys_exec", "handle", {"run": "rm"})["status"] == "failed"
    assert sample.post("/plugin/sys_exec/handle", {"payload": {"run": "say", "args": {"text": ["x"]}}}).status == 400


def test_a_job_of_sys_exec_that_is_cancelled_takes_its_command_with_it(sample: Gateway) -> None:
    file = sample.folder / "pid"
    job = sample.post("/plugin/sys_exec/handle", {"payload": {"run": "hold", "args": {"file": str(file)}}}).body[
        "job_id"
    ]
    pid = int(sample.until(lambda: file.exists() and file.read_text().strip()))
    with watching(pid) as ended:
        assert sample.post(f"/job/{job}/cancel").status in (200, 202)
        assert ended()
    assert sample.until(lambda: sample.get(f"/job/{job}")["status"] == "cancelled")


def test_switch_starts_the_pipeline_that_is_on_its_event(sample: Gateway) -> None:
    tree = sample.run_pipeline("triage", {"text": "URGENT: the disk is full"})
    assert tree[-1]["result"]["events"][0]["type"] == "note.urgent"
    assert sample.until(lambda: heard(sample, "urgent: URGENT: the disk is full"))
    sample.run_pipeline("triage", {"text": "nothing new"})
    sample.idle()
    assert not heard(sample, "urgent: nothing new")


@pytest.mark.skipif(shutil.which("node") is None, reason="`node` is not on the PATH")
def test_node_greet_greets(sample: Gateway) -> None:
    event = only_event(sample.run("node-greet", "handle", {"name": "Zoë"}))
    assert event["payload"]["greeting"] == "Hello, Zoë!"
    assert sample.post("/plugin/node-greet/greet", {"payload": {}}).status == 400


def test_stress_does_as_it_is_told_and_no_more(sample: Gateway) -> None:
    job = sample.run("stress", "run", {"events": 3, "event_bytes": 1000, "output_bytes": 100_000, "stderr_bytes": 1000})
    assert (job["status"], len(job["result"]["events"]), len(job["result"]["result"]["output"])) == (
        "succeeded",
        3,
        100_000,
    )
    assert sample.post("/plugin/stress/run", {"payload": {"memory_mb": 5000}}).status == 400
    for failure, status in {"exit": "failed", "kill": "failed", "garbage": "failed", "hang": "timed_out"}.items():
        assert sample.run("stress", "handle", {"fail_rate": 1, "failure": failure})["status"] == status
    sample.run("stress", "state", {"iterations": 2})
    assert sample.run("stress", "state", {"iterations": 3})["result"]["result"] == {"final_count": 5}
