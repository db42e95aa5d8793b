"""Health, methods, reload, pause, stop, listeners; and a store that cannot commit."""

import http.client
import json
import resource
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway
from support.sample_gateway import SHELL, add_sample_plugins, is_error, open_gate, request_head, send_raw

HEALTH = {
    "status",
    "uptime_seconds",
    "queue_depth",
    "plugins_loaded",
    "config_path",
    "binary_path",
    "version",
    "generation",
    "config_hash",
    "last_reload_error",
    "plugins_quarantined",
    "circuits_open",
    "plugins_unhealthy",
    "paused",
    "storage",
    "warnings",
}


def test_healthz_has_every_field(sample: Gateway) -> None:
    health = sample.get("/healthz")
    assert set(health) == HEALTH
    assert health["status"] == "degraded"
    [quarantined] = health["plugins_quarantined"]
    assert quarantined["name"] == "broken"
    assert "is not executable" in quarantined["reason"]
    assert (health["plugins_loaded"], health["generation"], health["paused"]) == (6, 1, False)
    assert health["config_path"] == str(sample.folder)
    assert health["last_reload_error"] is None


def test_healthz_tells_anybody_names_and_counts_alone(sample: Gateway) -> None:
    health = sample.get("/healthz", token=None)
    assert set(health) == HEALTH
    assert (health["config_path"], health["binary_path"]) == (None, None)
    assert health["plugins_quarantined"] == [{"name": "broken"}]
    assert health["warnings"] == len(sample.get("/healthz")["warnings"])
    assert (health["plugins_loaded"], health["generation"], health["paused"]) == (6, 1, False)
    assert set(sample.get("/healthz", token="of nobody")["plugins_quarantined"][0]) == {"name"}


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/livez", "/readyz", "/plugins", "/skills", "/openapi.json", "/jobs"]
)
def test_head_is_wherever_get_is(sample: Gateway, path: str) -> None:
    answer = sample.call("HEAD", path)
    assert (answer.status, answer.raw) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/jobs", "GET, HEAD, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("GET", "/plugin/shell/handle", "OPTIONS, POST"),
        ("HEAD", "/plugin/shell/handle", "OPTIONS, POST"),
        ("DELETE", "/pipeline/line", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/system/reload", "OPTIONS, POST"),
        ("TRACE", "/", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_405_with_what_is_possible(sample: Gateway, method: str, path: str, allow: str) -> None:
    answer = sample.call(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    asked = sample.call("OPTIONS", path, token=None)
    assert (asked.status, asked.headers["allow"], asked.raw) == (204, allow, b"")


def test_no_answer_tells_a_version_of_the_server(sample: Gateway) -> None:
    for answer in (sample.call("GET", "/livez"), sample.call("GET", "/nowhere"), sample.call("HEAD", "/")):
        assert answer.headers["server"] == "ductile"
    assert b"\r\nserver: ductile\r\n" in send_raw(sample, b"nonsense\r\n\r\n").lower()


def test_a_reload_says_what_it_did_and_an_unchanged_one_keeps_the_generation(gateway: Gateway) -> None:
    add_sample_plugins(gateway).start()
    unchanged = gateway.post("/system/reload").body
    assert set(unchanged) >= {"status", "reloaded_at", "message", "generation", "config_hash", "changes"}
    assert (unchanged["status"], unchanged["message"]) == ("ok", "Configuration reloaded successfully.")
    assert (unchanged["generation"], unchanged["changes"]) == (1, [])
    gateway.plugin("added", SHELL)
    changed = gateway.post("/system/reload").body
    assert changed["generation"] == 2
    assert changed["config_hash"] != unchanged["config_hash"]
    assert changed["changes"]
    assert gateway.run("added", "handle")["status"] == "succeeded"


def test_a_reload_names_a_plugin_that_it_quarantines(gateway: Gateway) -> None:
    add_sample_plugins(gateway).start()
    manifest = gateway.plugin("broken", SHELL) / "manifest.yaml"
    manifest.write_text(f"{manifest.read_text()}\ncolour: red\n")
    for answer in (gateway.post("/system/reload?dry_run=true"), gateway.post("/system/reload")):
        (warning,) = (one for one in answer.body["warnings"] if "`colour`" in one)
        assert "plugins/broken/manifest.yaml:" in warning
        assert "plugin `broken` is quarantined: " in warning


def test_an_invalid_configuration_is_422_with_every_place_and_the_old_one_serves(gateway: Gateway) -> None:
    add_sample_plugins(gateway).start()
    gateway.configure(service={"max_wrkers": 3}, pipelines=[{"name": "p", "on": "x", "steps": [{"uses": "nothing"}]}])
    answer = gateway.post("/system/reload")
    assert answer.status == 422
    details = json.dumps(answer.body["details"])
    assert "max_wrkers" in details
    assert "nothing" in details
    assert "config.yaml" in details
    assert gateway.post("/pipeline/line").status == 200
    health = gateway.get("/healthz")
    assert (health["status"], health["generation"]) == ("degraded", 1)
    assert health["last_reload_error"]
    assert gateway.get("/healthz", token=None)["last_reload_error"] == "refused, 2 errors"


@pytest.mark.parametrize(
    ("section", "value", "key"),
    [("api", {"listen": "127.0.0.1:1"}, "api.listen"), ("state", {"path": "./other.db"}, "state.path")],
)
def test_what_needs_a_restart_is_422_and_nothing_is_applied(
    gateway: Gateway, section: str, value: Any, key: str
) -> None:
    add_sample_plugins(gateway).start()
    gateway.plugin("added", SHELL)
    gateway.configure(**{section: value})
    answer = gateway.post("/system/reload")
    assert is_error(answer, 422, "restart_required")
    assert answer.body["details"]["keys"] == [key]
    assert gateway.post("/plugin/added/handle").status == 404


def test_paused_means_that_intake_goes_on_and_nothing_is_claimed(sample: Gateway) -> None:
    assert sample.post("/system/pause").status == 200
    job = sample.post("/plugin/shell/handle").body["job_id"]
    assert sample.get("/healthz")["paused"] is True
    assert sample.get("/healthz")["queue_depth"] >= 1
    assert sample.call("GET", "/readyz").status == 200
    assert sample.post("/plugin/shell/handle?wait=0.2").status == 202
    assert sample.get(f"/job/{job}")["status"] == "queued"
    assert sample.post("/system/resume").status == 200
    sample.until(lambda: sample.get(f"/job/{job}")["status"] == "succeeded")


def test_while_it_stops_readyz_is_503_and_livez_is_not(gateway: Gateway) -> None:
    add_sample_plugins(gateway).start()
    job = gateway.post("/plugin/gate/handle", {"gate": "stop"}).body["job_id"]
    gateway.until(lambda: gateway.get(f"/job/{job}")["status"] == "running")
    assert gateway.post("/system/stop").status == 202
    gateway.until(lambda: gateway.call("GET", "/readyz").status == 503)
    assert is_error(gateway.call("GET", "/readyz", token=None), 503, "not_ready")
    assert gateway.call("GET", "/livez", token=None).status == 200
    late = gateway.post("/plugin/shell/handle")
    assert late.status == 202
    open_gate(gateway, "stop")
    assert gateway.ended() == 0
    gateway.start()
    assert gateway.get(f"/job/{job}")["status"] == "succeeded"
    gateway.until(lambda: gateway.get(f"/job/{late.body['job_id']}")["status"] == "succeeded")


def limit_files(gateway: Gateway, size: int) -> None:
    """No file of the gateway may grow beyond this size from now on, as on a disk that is full."""
    assert gateway.process is not None
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_store_that_cannot_commit_refuses_intake_loses_nothing_and_recovers(gateway: Gateway) -> None:
    add_sample_plugins(gateway).start()
    accepted = [gateway.post("/plugin/shell/handle").body["job_id"] for _ in range(10)]
    running = gateway.post("/plugin/gate/handle", {"gate": "full"}).body["job_id"]
    gateway.until(lambda: gateway.get(f"/job/{running}")["status"] == "running")
    limit_files(gateway, 4096)
    for path in ("/plugin/shell/handle", "/pipeline/line", "/plugin/shell/handle?wait=20", "/system/pause"):
        answer = gateway.post(path)
        assert is_error(answer, 503, "store_unavailable")
        assert answer.headers["retry-after"]
    health, ready = gateway.call("GET", "/healthz"), gateway.call("GET", "/readyz")
    assert (health.status, health.body["status"], set(health.body)) == (503, "degraded", HEALTH)
    assert is_error(ready, 503, "not_ready")
    assert gateway.call("GET", "/livez").status == 200
    assert gateway.get(f"/job/{running}")["status"] == "running"
    open_gate(gateway, "full")
    gateway.until(lambda: any("settling waits" in entry["message"] for entry in gateway.log))
    limit_files(gateway, resource.RLIM_INFINITY)
    gateway.until(lambda: gateway.call("GET", "/readyz").status == 200)
    gateway.idle()
    states = Counter(gateway.get(f"/job/{job}")["status"] for job in [*accepted, running])
    assert states == {"succeeded": 11}
    assert gateway.get(f"/job/{running}")["attempt"] == 1
    assert len(gateway.jobs()) == 11


def test_it_listens_on_tcp_ipv6_and_a_unix_socket_at_once(gateway: Gateway) -> None:
    path = gateway.folder / "api.sock"
    gateway.configure(api={"listen": ["127.0.0.1:0", "[::1]:0", "unix:./api.sock"]})
    gateway.start()
    gateway.until(lambda: sum(entry["message"] == "listening" for entry in gateway.log) == 3)
    ipv6 = next(entry["address"] for entry in gateway.log if "[::1]" in entry.get("address", ""))
    connection = http.client.HTTPConnection("::1", int(ipv6.rsplit(":", 1)[1]), timeout=10)
    connection.request("GET", "/livez")
    assert connection.getresponse().status == 200
    connection.close()
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as unix:
        unix.settimeout(10)
        unix.connect(str(path))
        unix.sendall(request_head("GET", "/livez"))
        assert unix.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert gateway.get("/livez") == {"status": "ok"}
    assert gateway.stop() == 0
    assert not path.exists()


def test_clients_that_connect_and_say_nothing_keep_nobody_out(gateway: Gateway) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        add_sample_plugins(gateway).launch()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    gateway.wait_ready()
    silent: list[socket.socket] = []
    try:
        for _ in range(15):
            silent += [socket.create_connection(gateway.address, timeout=10) for _ in range(20)]
            assert gateway.call("GET", "/livez", token=None).status == 200
        silent[-1].sendall(b"GET /livez HT")
        assert gateway.run("shell", "handle")["status"] == "succeeded"
        assert gateway.process is not None
        assert len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir())) < 200
    finally:
        for connection in silent:
            connection.close()
    assert not [entry for entry in gateway.log if entry["level"] == "raw" and "Traceback" in entry["message"]]
