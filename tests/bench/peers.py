"""What else does this work and can be installed here, measured beside Ductile in the same run by the same client."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import bare, place
from bench.client import Address, Line, Plan, crowd, post
from bench.measure import Row, middle

CACHE = place.ROOT / ".cache/peers"
CONNECTIONS = 4
INSTALL_WITHIN = 300.0


class Unavailable(Exception):
    """It cannot be installed here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """One that serves: a call runs the shell script and is answered 200 once that has ended."""

    pid: int
    address: Address
    request: bytes
    ready: float
    """Milliseconds until it answered."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Something that does the work."""

    name: str
    durable: bool
    serve: Callable[[Path], AbstractContextManager[Served]]
    """Serves the script at this path."""


def peers(settings: place.Settings) -> Iterator[Row]:
    """A call that runs a shell script and waits for its end, four at once and one by one; start and memory."""
    for make in (_ductile, _webhook, _node_red):
        try:
            peer = make()
        except Unavailable as reason:
            print(f"peers: skipped: {reason}", flush=True)
            continue
        yield from _measured(peer, settings)


def _measured(peer: Peer, settings: place.Settings) -> Iterator[Row]:
    kept = "durable" if peer.durable else "keeps nothing"
    bound = "bare posix_spawn and pidfd loop"
    rate = Row(what=f"{peer.name}: shell jobs, {CONNECTIONS} callers that wait ({kept})", unit="/s", bound=bound)
    once = Row(what=f"{peer.name}: a shell job, p50", unit="ms", bound="the executable by itself, p50")
    ready = Row(what=f"{peer.name}: start", unit="ms")
    memory = Row(what=f"{peer.name}: idle memory", unit="MB")
    for _ in range(settings.rounds):
        with place.folder() as home:
            script = home / "script"
            script.write_text(place.SHELL)
            script.chmod(0o755)
            stdin = bare.request_line("shell")
            with peer.serve(script) as served:
                ready.add(served.ready)
                time.sleep(1)
                memory.add(place.memory(served.pid))
                with Line(served.address) as line:
                    alone = middle(bare.spawn_times(script, 50))
                    once.add(middle(place.one_by_one(line, served.request, settings.scaled(200, 20))), alone)
                limit = bare.spawn_rate(script, stdin, CONNECTIONS, settings.scaled(3000, 300))
                plan = Plan(
                    address=served.address,
                    request=served.request,
                    connections=CONNECTIONS,
                    status=200,
                    seconds=settings.seconds,
                )
                rate.add(crowd(plan).checked(), limit)
    yield from (rate, once, ready, memory)


def _ductile() -> Peer:
    @contextmanager
    def serve(_script: Path) -> Iterator[Served]:
        with place.gateway(start=False) as one:
            ready = place.started(one)
            request = place.trigger("shell", query="?wait=30")
            yield Served(pid=place.pid_of(one), address=one.address, request=request, ready=ready)

    return Peer(name="Ductile", durable=True, serve=serve)


def _webhook() -> Peer:
    program = shutil.which("webhook") or _installed_webhook()

    @contextmanager
    def serve(script: Path) -> Iterator[Served]:
        hook = {"id": "shell", "execute-command": str(script), "include-command-output-in-response": True}
        hooks = script.parent / "hooks.json"
        hooks.write_text(json.dumps([hook]))
        port = _free_port()
        arguments = [program, "-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port)]
        with _process(arguments, script.parent) as process:
            yield _served(process, port, "/hooks/shell")

    return Peer(name="webhook", durable=False, serve=serve)


def _installed_webhook() -> str:
    program = CACHE / "bin/webhook"
    if not program.exists():
        paths = {"GOBIN": str(CACHE / "bin"), "GOPATH": str(CACHE / "go"), "GOFLAGS": "-modcacherw"}
        try:
            _install("webhook", ["go", "install", "github.com/adnanh/webhook@latest"], paths)
        except Unavailable as reason:
            print(f"peers: {reason}; trying the Debian package", flush=True)
            return _unpacked_webhook()
    return str(program)


def _unpacked_webhook() -> str:
    folder = CACHE / "webhook"
    program = folder / "usr/bin/webhook"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _install("webhook", ["apt-get", "download", "webhook"], {}, folder)
        for package in folder.glob("*.deb"):
            _install("webhook", ["dpkg-deb", "-x", str(package), str(folder)], {})
    return str(program)


def _node_red() -> Peer:
    program = CACHE / "node-red/node_modules/node-red/red.js"
    if not program.exists():
        (CACHE / "node-red").mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--omit=dev", "--loglevel=error"]
        _install("Node-RED", ["npm", "install", "--prefix", str(CACHE / "node-red"), *options, "node-red@4"], {})

    @contextmanager
    def serve(script: Path) -> Iterator[Served]:
        port = _free_port()
        _write_flow(script, port)
        arguments = ["node", str(program), "--userDir", str(script.parent), "--settings", str(script.parent / "s.js")]
        with _process(arguments, script.parent) as process:
            yield _served(process, port, "/shell")

    return Peer(name="Node-RED", durable=False, serve=serve)


def _write_flow(script: Path, port: int) -> None:
    settings = {
        "uiHost": "127.0.0.1",
        "uiPort": port,
        "flowFile": str(script.parent / "flows.json"),
        "httpAdminRoot": False,
        "disableEditor": True,
        "logging": {"console": {"level": "fatal"}},
        "telemetry": {"enabled": False},
        "credentialSecret": "none",
    }
    (script.parent / "s.js").write_text(f"module.exports = {json.dumps(settings)};\n")
    # Its stdin is a pipe that nobody closes: the script, which reads a line, would wait for ever.
    run = {"command": f"exec {script} </dev/null", "addpay": "", "append": "", "useSpawn": "false", "timer": ""}
    flow = [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "in", "type": "http in", "z": "tab", "url": "/shell", "method": "post", "wires": [["run"]]},
        {"id": "run", "type": "exec", "z": "tab", **run, "wires": [["out"], [], []]},
        {"id": "out", "type": "http response", "z": "tab", "statusCode": "200", "wires": []},
    ]
    (script.parent / "flows.json").write_text(json.dumps(flow))


@contextmanager
def _process(arguments: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _served(process: subprocess.Popen[bytes], port: int, path: str) -> Served:
    """Waits until it runs the script."""
    address, request = ("127.0.0.1", port), post(path, "", {})
    began = time.perf_counter()
    while time.perf_counter() < began + 60:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} has ended with {process.returncode}")
        try:
            with Line(address) as line:
                if line.send(request)[0] == 200:
                    ready = (time.perf_counter() - began) * 1000
                    return Served(pid=process.pid, address=address, request=request, ready=ready)
        except ConnectionError:
            pass  # it does not listen yet
        time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} does not answer")


def _install(name: str, arguments: Sequence[str], variables: Mapping[str, str], folder: Path = CACHE) -> None:
    print(f"peers: installing {name} …", flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name} cannot be installed: {error}") from error
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise Unavailable(f"{name} cannot be installed: {reason}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
