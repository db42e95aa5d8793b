from support.web import Web

from ductile.config.reload import ReloadRefused, RestartRequired


async def test_a_reload_says_what_it_did(web: Web) -> None:
    answer = await web.post("/system/reload")
    assert answer.status == 200
    assert answer.json == {
        "status": "ok",
        "reloaded_at": "2023-11-14T22:13:20.000Z",
        "message": "Configuration reloaded successfully.",
        "generation": 2,
        "config_hash": "h2",
        "changed": True,
        "changes": ["plugins.echo"],
        "warnings": [],
    }
    assert web.live.causes == ["api"]


async def test_an_invalid_configuration_is_422_with_every_place(web: Web) -> None:
    errors = [{"file": "config.yaml", "line": 3, "column": 1, "message": "no"}]
    web.live.outcome = ReloadRefused(found="an error", errors=errors)
    answer = await web.post("/system/reload")
    assert (answer.status, answer.json["error"]) == (422, "invalid_configuration")
    assert answer.json["details"]["errors"] == errors
    assert (await web.get("/livez")).status == 200


async def test_a_change_that_needs_a_restart_is_422_and_names_the_keys(web: Web) -> None:
    web.live.outcome = RestartRequired(keys=["api.listen"])
    answer = await web.post("/system/reload")
    assert (answer.status, answer.json["error"]) == (422, "restart_required")
    assert answer.json["details"]["keys"] == ["api.listen"]


async def test_the_last_reload_error_stands_in_healthz(web: Web) -> None:
    web.live.last_error = {"at": "2023-11-14T22:13:20.000Z", "message": "no", "errors": []}
    health = (await web.get("/healthz")).json
    assert (health["status"], health["last_reload_error"]["message"]) == ("degraded", "no")


async def test_pause_and_resume_show_in_healthz(web: Web) -> None:
    assert (await web.post("/system/pause")).json == {"status": "ok", "paused": True}
    assert (await web.get("/healthz")).json["paused"] is True
    assert (await web.post("/system/resume")).json == {"status": "ok", "paused": False}
    assert (await web.get("/healthz")).json["paused"] is False


async def test_stop_is_accepted_before_it_happens(web: Web) -> None:
    answer = await web.post("/system/stop")
    assert (answer.status, answer.json) == (202, {"status": "stopping"})
    assert web.control.stops == 1
