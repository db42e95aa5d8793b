import pytest
from support.web import SECRET, Web


async def test_the_root_says_where_to_start(web: Web) -> None:
    web.clock.now += 12_500
    answer = await web.get("/", token=None)
    assert answer.status == 200
    assert answer.json["name"] == "Ductile Gateway"
    assert answer.json["uptime_seconds"] == 12
    assert answer.json["discovery"] == {
        "health": "/healthz",
        "skills": "/skills",
        "plugins": "/plugins",
        "openapi": "/openapi.json",
        "ai_plugin": "/.well-known/ai-plugin.json",
    }
    for path in answer.json["discovery"].values():
        assert (await web.get(path, token=None)).status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/plugins", "/skills", "/openapi.json", "/livez", "/readyz"])
async def test_public_paths_need_no_token_and_ignore_a_wrong_one(web: Web, path: str) -> None:
    assert (await web.get(path, token=None)).status == 200
    assert (await web.get(path, token="wrong")).status == 200
    assert (await web.get(path + "/", token=None)).status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/plugins", "/openapi.json", "/jobs"])
async def test_head_answers_wherever_get_does_without_a_body(web: Web, path: str) -> None:
    got, head = await web.get(path), await web.call("HEAD", path)
    assert (head.status, head.json) == (200, None)
    assert head.headers["Content-Type"] == "application/json"
    assert int(head.headers["Content-Length"]) == int(got.headers["Content-Length"])


async def test_plugins_lists_what_can_run(web: Web) -> None:
    plugins = (await web.get("/plugins")).json["plugins"]
    assert [one["name"] for one in plugins] == ["alias", "echo"]
    assert plugins[1] == {
        "name": "echo",
        "version": "1.2.3",
        "description": "Echoes.",
        "commands": ["poll", "peek", "handle", "say"],
    }


async def test_caches_are_told_of_all_that_the_answer_depends_on(web: Web) -> None:
    headers = {"Origin": "https://app.example", "Accept": "text/markdown"}
    async with web.session.get(f"{web.url}/skills", headers=headers) as answer:
        assert answer.headers["Vary"] == "Accept, Origin"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert (await web.get("/plugins", headers={"Origin": "https://app.example"})).headers["Vary"] == "Origin"


async def test_documents_of_a_new_generation_replace_the_old(web: Web) -> None:
    before = (await web.get("/skills")).json
    web.live.snapshot = type(web.live.snapshot)(
        **{name: getattr(web.live.snapshot, name) for name in web.live.snapshot.__slots__}
        | {"plugins": {}, "generation": 2}
    )
    after = (await web.get("/skills")).json
    assert len(before["skills"]) > len(after["skills"])


async def test_healthz_has_every_field(web: Web) -> None:
    await web.post("/plugin/echo/poll")
    web.clock.now += 3_000
    answer = await web.get("/healthz")
    assert answer.status == 200
    assert answer.json == {
        "status": "degraded",
        "uptime_seconds": 3,
        "queue_depth": 1,
        "plugins_loaded": 2,
        "config_path": str(web.live.snapshot.root),
        "binary_path": "/bin/ductile",
        "version": "0.9",
        "generation": 1,
        "config_hash": "h1",
        "last_reload_error": None,
        "plugins_quarantined": [{"name": "broken", "reason": "no entrypoint, [REDACTED]"}],
        "circuits_open": [],
        "plugins_unhealthy": [],
        "paused": False,
        "storage": "ok",
        "warnings": ["config.yaml:3:1: warning[legacy]: old"],
    }
    assert SECRET not in str(answer.json)


async def test_healthz_and_readyz_are_503_when_the_store_cannot_commit(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: object) -> bool:
        return False

    monkeypatch.setattr(type(web.store), "can_commit", fails)
    health = await web.get("/healthz")
    assert (health.status, health.json["status"], health.json["queue_depth"]) == (503, "degraded", None)
    assert health.headers["Retry-After"]
    ready = await web.get("/readyz", token=None)
    assert (ready.status, ready.json["error"]) == (503, "not_ready")
    assert (await web.get("/livez", token=None)).status == 200


async def test_readyz_is_503_while_draining_and_livez_is_not(web: Web) -> None:
    assert (await web.get("/readyz", token=None)).status == 200
    web.control.draining = True
    ready = await web.get("/readyz", token=None)
    assert (ready.status, ready.headers["Retry-After"]) == (503, "1")
    assert (await web.get("/livez", token=None)).status == 200
