"""Behind a proxy: a prefix that it takes off or leaves, and callers that it vouches for. With a real nginx."""

import json
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.browser import found, opened
from support.gateway import TOKEN, Gateway
from support.pages import ROOT, blocks_of
from support.sample_gateway import add_sample_plugins, request_head, send_raw

from ductile import parts
from ductile.config.compile import compile_config

PAGE = ROOT / "docs/how-to/run-behind-a-proxy.md"
NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {servers}
}}
"""
PREFIX = "/ductile"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("proxied"))
    try:
        add_sample_plugins(gateway).configure(
            api={"public_url": f"https://tools.example{PREFIX}/", "trusted_proxies": ["127.0.0.0/8"]}
        )
        yield gateway.start()
    finally:
        gateway.close()


@pytest.fixture(scope="module")
def proxies(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, int]]:
    """The ports of a proxy that hands the prefix on, and of one that takes it off."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    ports = {"keeping": free_port(), "stripping": free_port()}
    servers = [server(port, gateway.address[1], slash="/" * (way == "stripping")) for way, port in ports.items()]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, servers="\n".join(servers)))
    process = subprocess.Popen([nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        gateway.until(lambda: all(listens(port) for port in ports.values()) or process.poll() is not None)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield ports
    finally:
        process.terminate()
        process.wait(10)


def server(port: int, gateway: int, *, slash: str) -> str:
    """The server that the page shows, without TLS; `slash` stands at the end of its `proxy_pass`."""
    text = next(block.text for block in blocks_of(PAGE) if block.language == "nginx")
    text = re.sub(r" *ssl_.*\n", "", text).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    shown = "proxy_pass http://127.0.0.1:8080;"
    assert shown in text
    return text.replace(shown, f"proxy_pass http://127.0.0.1:{gateway}{slash};")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def through(port: int, path: str, body: Any = None, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    """One call by way of the proxy at this port."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.headers, answer.read()


@pytest.mark.parametrize("way", ["keeping", "stripping"])
def test_links_lead_back_through_the_proxy(proxies: Mapping[str, int], way: str) -> None:
    port = proxies[way]
    start = json.loads(through(port, f"{PREFIX}/")[2])["discovery"]
    assert {"health", "skills", "plugins", "openapi", "ai_plugin"} <= start.keys()
    for path in start.values():
        assert path.startswith(f"{PREFIX}/")
        assert through(port, path)[0] == 200
    skills = json.loads(through(port, start["skills"])[2])["skills"]
    endpoint = next(one["endpoint"] for one in skills if one["name"] == "plugin.shell.handle")
    status, headers, _ = through(port, endpoint, {})
    assert (status, headers["Location"].startswith(f"{PREFIX}/job/")) == (202, True)
    assert through(port, headers["Location"])[0] == 200
    status, headers, _ = through(port, f"{PREFIX}/pipeline/line?wait=20", {})
    assert (status, through(port, headers["Location"])[0]) == (200, 200)


@pytest.mark.parametrize("way", ["keeping", "stripping"])
def test_the_openapi_document_names_where_clients_reach_it(proxies: Mapping[str, int], way: str) -> None:
    for path in ("/openapi.json", "/plugin/shell/openapi.json"):
        document = json.loads(through(proxies[way], PREFIX + path)[2])
        assert [server["url"] for server in document["servers"]] == ["https://tools.example/ductile"]
    agent = json.loads(through(proxies[way], f"{PREFIX}/.well-known/ai-plugin.json")[2])
    assert agent["api"]["url"] == "https://tools.example/ductile/openapi.json"
    page = through(proxies[way], f"{PREFIX}/skills", Accept="text/markdown")[2].decode()
    assert "below `https://tools.example/ductile`" in page


def test_the_documentation_page_works_below_the_prefix(proxies: Mapping[str, int], tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{proxies['stripping']}{PREFIX}/docs"
    dom, complaints = opened(found(), "127.0.0.1", url, tmp_path)
    assert "/plugin/shell/say" in re.findall(r'data-path="([^"]*)"', dom)
    assert f'value="{PREFIX}"' in dom, "what is tried goes through the proxy"
    assert complaints == []


def test_without_the_prefix_it_answers_too(gateway: Gateway) -> None:
    assert gateway.call("GET", "/livez").status == 200
    assert send_raw(gateway, request_head("GET", PREFIX)).startswith(b"HTTP/1.1 200")
    assert send_raw(gateway, request_head("GET", f"{PREFIX}er/livez")).startswith(b"HTTP/1.1 404")
    assert send_raw(gateway, request_head("GET", f"{PREFIX}{PREFIX}/livez")).startswith(b"HTTP/1.1 404")


def test_the_log_names_the_client_whom_the_proxy_vouches_for(gateway: Gateway, proxies: Mapping[str, int]) -> None:
    through(proxies["keeping"], f"{PREFIX}/livez", **{"X-Request-Id": "spoof", "X-Forwarded-For": "192.0.2.1"})
    gateway.call("GET", "/livez", headers={"X-Request-Id": "direct", "X-Forwarded-For": "203.0.113.9, 127.0.0.2"})
    named = {"spoof", "direct"}

    def clients() -> Any:
        found = {one.get("request_id"): one.get("client") for one in gateway.log if one.get("request_id") in named}
        return found if found.keys() == named else None

    # nginx adds 127.0.0.1, which is trusted here, so that what its client said counts; a real client is no proxy.
    assert gateway.until(clients) == {"spoof": "192.0.2.1", "direct": "203.0.113.9"}


def test_a_prefix_that_is_a_path_of_the_gateway_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("api:\n  public_url: https://example.org/plugin/x\n")
    problems = compile_config(tmp_path / "config.yaml", {}, generation=1, surfaces=parts.SURFACES).errors
    assert [(str(one.mark), one.path) for one in problems] == [("config.yaml:2:15", ("api", "public_url"))]
    assert "must not have the path `/plugin`" in problems[0].message


def test_a_client_that_is_no_proxy_is_itself(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)
    try:
        gateway.configure(api={"trusted_proxies": ["10.0.0.0/8"]})
        gateway.start()
        gateway.call("GET", "/livez", headers={"X-Request-Id": "liar", "X-Forwarded-For": "203.0.113.9"})
        entry = gateway.until(lambda: next((one for one in gateway.log if one.get("request_id") == "liar"), None))
        assert entry["client"] == "127.0.0.1"
    finally:
        gateway.close()
