"""What the gateway says about itself: index, plugins, skills, OpenAPI."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.gateway import TOKEN, Gateway
from support.sample_gateway import SAY, is_error, open_gate, token_of


def test_the_index_says_where_to_start(sample: Gateway) -> None:
    index = sample.get("/", token=None)
    assert set(index) == {"name", "description", "uptime_seconds", "discovery", "agents"}
    assert index["name"] == "Ductile Gateway"
    assert isinstance(index["uptime_seconds"], int)
    assert index["discovery"] == {
        "health": "/healthz",
        "skills": "/skills",
        "plugins": "/plugins",
        "openapi": "/openapi.json",
        "ai_plugin": "/.well-known/ai-plugin.json",
    }
    assert {sample.call("GET", path, token=None).status for path in index["discovery"].values()} == {200}


def test_plugins_lists_what_can_run(sample: Gateway) -> None:
    plugins = {plugin["name"]: plugin for plugin in sample.get("/plugins", token=None)["plugins"]}
    assert set(plugins) == {"shell", "echo", "gate", "fail", "emit", "single"}
    assert plugins["shell"] == {
        "name": "shell",
        "version": "1.0.0",
        "description": "Does little.",
        "commands": ["handle", "peek", "say"],
    }


def test_skills_lists_commands_and_pipelines(sample: Gateway) -> None:
    skills = {skill["name"]: skill for skill in sample.get("/skills", token=None)["skills"]}
    assert skills["plugin.shell.say"] == {
        "name": "plugin.shell.say",
        "kind": "plugin",
        "description": "Says it.",
        "endpoint": "/plugin/shell/say",
        "tier": "WRITE",
        "plugin": "shell",
        "command": "say",
        "input_schema": sample.get("/plugin/shell")["commands"][2]["input_schema"],
    }
    assert skills["plugin.shell.peek"]["tier"] == "READ"
    assert skills["pipeline.line"] == {
        "name": "pipeline.line",
        "kind": "pipeline",
        "endpoint": "/pipeline/line",
        "pipeline": "line",
        "trigger": "line.go",
        "execution_mode": "synchronous",
        "timeout_secs": 20,
    }
    assert skills["pipeline.later"]["execution_mode"] == "asynchronous"
    assert not any("broken" in name or ".off." in name for name in skills)


@pytest.fixture(scope="module")
def openapi(sample: Gateway) -> Any:
    return sample.get("/openapi.json", token=None)


def test_openapi_is_valid_by_an_independent_validator(openapi: Any) -> None:
    assert openapi["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(openapi).validate()


def test_openapi_has_a_path_for_each_command_and_pipeline_and_then_the_rest(openapi: Any) -> None:
    paths = list(openapi["paths"])
    assert {"/plugin/shell/handle", "/plugin/shell/peek", "/plugin/single/handle", "/pipeline/line"} <= set(paths)
    assert not any("broken" in path or "/off/" in path for path in paths)
    control = {
        "/",
        "/jobs",
        "/job/{job_id}",
        "/job/{job_id}/tree",
        "/job/{job_id}/cancel",
        "/healthz",
        "/plugin/{name}",
    }
    assert control <= set(paths)
    runs = [path for path in paths if path.startswith(("/plugin/", "/pipeline/")) and "{" not in path]
    assert paths[: len(runs)] == runs


def test_a_command_is_described_as_its_manifest_says(openapi: Any) -> None:
    say, peek = (openapi["paths"][f"/plugin/shell/{command}"]["post"] for command in ("say", "peek"))
    assert (say["operationId"], say["summary"], say["tags"]) == ("shell__say", "Says it.", ["shell"])
    assert say["requestBody"]["content"]["application/json"]["schema"] == SAY["input_schema"]
    assert set(say["responses"]) >= {"202", "400", "403"}
    assert say["security"] == [{"BearerAuth": []}]
    assert peek["summary"] == "shell: peek"
    assert "requestBody" not in peek
    assert openapi["components"]["securitySchemes"] == {"BearerAuth": {"type": "http", "scheme": "bearer"}}


def test_every_path_that_openapi_names_is_there(sample: Gateway, openapi: Any) -> None:
    for path, operations in openapi["paths"].items():
        allowed = sample.call("OPTIONS", path.replace("{job_id}", "x"), token=None).headers["allow"]
        assert {method.upper() for method in operations} <= set(allowed.split(", "))


def test_answers_of_each_kind_are_as_openapi_describes_them(sample: Gateway) -> None:
    """The gateway of the tests holds every answer against the document; here each kind comes up once."""
    open_gate(sample, "open")
    job = sample.run("echo", "act")["job_id"]
    key = {"payload": {}, "dedupe_key": "same"}
    asked = [
        ("POST", "/plugin/shell/handle", None, 202),
        ("POST", "/plugin/shell/say?wait=20", {"message": "x"}, 200),
        ("POST", "/plugin/shell/say", {"message": 1}, 400),
        ("POST", "/plugin/fail/handle?wait=20", None, 200),
        ("POST", "/plugin/shell/handle", key, 202),
        ("POST", "/plugin/shell/handle", key, 200),
        ("POST", "/pipeline/line?async=true", None, 202),
        ("POST", "/pipeline/line", None, 200),
        ("POST", "/pipeline/spread", None, 200),
        ("POST", "/pipeline/breaks", None, 200),
        ("POST", "/pipeline/slow", {"gate": "shut"}, 202),
        ("POST", "/pipeline/gated?wait=20", {"go": 0}, 200),
        ("GET", f"/job/{job}", None, 200),
        ("GET", "/job/x", None, 404),
        ("GET", f"/job/{job}/tree", None, 200),
        ("GET", "/jobs", None, 200),
        ("GET", "/jobs?limit=x", None, 400),
        ("POST", f"/job/{job}/cancel", None, 409),
        ("GET", "/healthz", None, 200),
        ("GET", "/livez", None, 200),
        ("GET", "/readyz", None, 200),
        ("GET", "/", None, 200),
        ("GET", "/plugins", None, 200),
        ("GET", "/skills", None, 200),
        ("POST", "/system/reload", None, 200),
        ("POST", "/system/pause", None, 200),
        ("POST", "/system/resume", None, 200),
    ]
    for method, path, body, status in asked:
        assert (path, sample.call(method, path, body).status) == (path, status)
    open_gate(sample, "shut")


def test_the_agents_manifest_points_at_openapi(sample: Gateway) -> None:
    manifest = sample.get("/.well-known/ai-plugin.json", token=None)
    assert (manifest["schema_version"], manifest["name_for_model"]) == ("v1", "ductile")
    assert manifest["auth"] == {"type": "bearer"}
    assert manifest["api"] == {"type": "openapi", "url": "/openapi.json"}


def test_a_plugin_tells_what_its_commands_take(sample: Gateway) -> None:
    assert sample.get("/plugin/shell", token=token_of("shell-reader")) == {
        "name": "shell",
        "version": "1.0.0",
        "description": "Does little.",
        "protocol": 2,
        "commands": [
            {"name": "handle", "type": "write", "description": "", "input_schema": None},
            {"name": "peek", "type": "read", "description": "", "input_schema": None},
            {"name": "say", "type": "write", "description": "Says it.", "input_schema": SAY["input_schema"]},
        ],
    }
    assert sample.get("/plugin/single/")["name"] == "single"


@pytest.mark.parametrize(
    ("path", "who", "status", "code"),
    [
        ("/plugin/shell", None, 401, "unauthorized"),
        ("/plugin/shell", "canceller", 403, "forbidden"),
        ("/plugin/echo", "shell-writer", 403, "forbidden"),
        ("/plugin/shel", "reader", 404, "unknown_plugin"),
        ("/plugin/shel", "canceller", 404, "unknown_plugin"),
        ("/plugin/%F0%9F%98%80%00", "reader", 404, "unknown_plugin"),
        ("/plugin/broken", "reader", 503, "plugin_unavailable"),
        ("/plugin/off", "reader", 503, "plugin_unavailable"),
        ("/plugin/shel/openapi.json", None, 404, "unknown_plugin"),
        ("/plugin/off/openapi.json", None, 503, "plugin_unavailable"),
    ],
)
def test_a_plugin_is_told_to_who_may_know_it_and_only_if_it_is_there(
    sample: Gateway, path: str, who: str | None, status: int, code: str
) -> None:
    assert is_error(sample.call("GET", path, token=token_of(who) if who else None), status, code)


def test_a_plugin_has_an_openapi_document_of_its_own(sample: Gateway, openapi: Any) -> None:
    scoped = sample.get("/plugin/shell/openapi.json", token=None)
    OpenAPIV31SpecValidator(scoped).validate()
    assert scoped["paths"] == {path: one for path, one in openapi["paths"].items() if path.startswith("/plugin/shell/")}
    assert [tag["name"] for tag in scoped["tags"]] == ["shell"]
    assert set(scoped["components"]["schemas"]) < set(openapi["components"]["schemas"])
    assert scoped["components"]["securitySchemes"] == openapi["components"]["securitySchemes"]


DOCUMENTS = [
    ("/plugins", None),
    ("/skills", None),
    ("/openapi.json", None),
    ("/.well-known/ai-plugin.json", None),
    ("/plugin/shell/openapi.json", None),
    ("/plugin/shell", TOKEN),
    ("/config/view", TOKEN),
]


@pytest.mark.parametrize(("path", "who"), DOCUMENTS)
def test_a_document_that_the_client_has_is_not_sent_again(sample: Gateway, path: str, who: str | None) -> None:
    first = sample.call("GET", path, token=who)
    tag = first.headers["etag"]
    assert tag.startswith('"') and not tag.startswith("W/")  # noqa: PT018 - a strong tag is one thing
    assert sample.call("GET", path, token=who).headers["etag"] == tag
    assert first.headers["cache-control"].endswith("no-cache")
    assert ("private" in first.headers["cache-control"]) == (who is not None)
    for method in ("GET", "HEAD"):
        for known in (tag, f"W/{tag}", "*", f'"other", {tag}', f'"a,b",W/"c" ,  {tag}', f'"{tag[1:-1]}"'):
            answer = sample.call(method, path, token=who, headers={"If-None-Match": known})
            assert (answer.status, answer.raw) == (304, b"")
            assert answer.headers["etag"] == tag
        for other in ('"other"', f'{tag[:-2]}"', tag[1:-1], f'"x{tag}', "", '"*"', f"w/{tag[1:]}"):
            assert sample.call(method, path, token=who, headers={"If-None-Match": other}).status == 200


def test_a_tag_is_no_credential(sample: Gateway) -> None:
    tag = sample.call("GET", "/config/view").headers["etag"]
    for who in (None, token_of("reader")):
        assert sample.call("GET", "/config/view", token=who, headers={"If-None-Match": tag}).status in {401, 403}


def test_another_representation_has_another_tag_and_caches_are_told(sample: Gateway) -> None:
    as_json = sample.call("GET", "/skills", token=None)
    as_page = sample.call("GET", "/skills", token=None, headers={"Accept": "text/markdown"})
    assert as_json.headers["etag"] != as_page.headers["etag"]
    assert as_json.headers["vary"] == as_page.headers["vary"] == "Accept"
    headers = {"Accept": "text/markdown", "If-None-Match": as_json.headers["etag"]}
    assert sample.call("GET", "/skills", token=None, headers=headers).status == 200
    headers["If-None-Match"] = as_page.headers["etag"]
    known = sample.call("GET", "/skills", token=None, headers=headers)
    assert (known.status, known.headers["vary"]) == (304, "Accept")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("text/markdown;q=0.5, application/json;q=0.4", "text/markdown; charset=utf-8"),
        ("text/markdown;q=0.4, application/json;q=0.5", "application/json"),
        ("text/*", "text/markdown; charset=utf-8"),
        ("TEXT/Markdown; charset=utf-8", "text/markdown; charset=utf-8"),
        ("text/markdown, text/html, */*", "text/markdown; charset=utf-8"),
        ("*/*;q=0.9, text/markdown;q=0.1", "application/json"),
        ("application/json;q=0, */*", "text/markdown; charset=utf-8"),
        ("text/markdown;q=0", "application/json"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
        ("text/markdown;q=nan", "application/json"),
        (",;,/;q=1,\xff", "application/json"),
        ("", "application/json"),
    ],
)
def test_skills_come_as_the_client_prefers(sample: Gateway, accept: str, media: str) -> None:
    answer = sample.call("GET", "/skills", token=None, headers={"Accept": accept})
    assert (answer.status, answer.headers["content-type"]) == (200, media)


def test_the_index_links_to_the_documentation(sample: Gateway) -> None:
    link = sample.call("GET", "/", token=None).headers["link"]
    assert link == '</docs>; rel="service-doc", </openapi.json>; rel="service-desc"'
