from typing import Any

import jsonschema_rs
import pytest
from msgspec.structs import replace
from support.web import SECRET, Web

from ductile.document.redactor import Redactor
from ductile.http.surfaces.pipeline_definitions import DRY_RUN_SCHEMA, PIPELINE_SCHEMA


async def test_a_pipeline_is_shown_with_its_steps(web: Web) -> None:
    answer = await web.get("/pipeline/gated")
    assert (answer.status, answer.json["name"], answer.json["entry"]) == (200, "gated", ["gate"])
    (step,) = answer.json["steps"]
    assert (step["plugin"], step["command"], step["if"]["path"]) == ("echo", "handle", "payload.go")
    for name in ("sync", "async", "wide", "two", "gated", "picky"):
        jsonschema_rs.validate(dict(PIPELINE_SCHEMA), (await web.get(f"/pipeline/{name}")).json)


async def test_a_dry_run_tells_the_steps_and_writes_nothing(web: Web) -> None:
    answer = await web.post("/pipeline/two/dry-run", {"payload": {"a": 1}, "answers": {"l": [{"b": 2}]}})
    assert [(row["step"], row["status"], row["payload"]) for row in answer.json["steps"]] == [
        ("l", "dispatched", {"a": 1}),
        ("r", "dispatched", {"a": 1}),
    ]
    for name in ("sync", "async", "wide", "two", "gated", "picky"):
        told = await web.post(f"/pipeline/{name}/dry-run")
        assert told.status == 200
        jsonschema_rs.validate(dict(DRY_RUN_SCHEMA), told.json)
    assert await web.count() == 0


async def test_secrets_are_not_shown(web: Web) -> None:
    web.live.snapshot = replace(web.live.snapshot, redactor=Redactor([SECRET, "payload.go"]))
    assert "payload.go" not in str((await web.get("/pipeline/gated")).json)
    told = await web.post("/pipeline/two/dry-run", {"payload": {"a": SECRET}})
    assert (told.status, SECRET in str(told.json)) == (200, False)


@pytest.mark.parametrize(
    ("token", "statuses"),
    [
        ("admin-token", (200, 200)),
        ("reader-token", (200, 403)),
        ("writer-token", (200, 200)),
        ("one-pipeline-token", (200, 200)),
        ("canceller-token", (403, 403)),
        (None, (401, 401)),
    ],
)
async def test_who_may_look_and_who_may_run(web: Web, token: str | None, statuses: tuple[int, int]) -> None:
    looked = await web.get("/pipeline/sync", token=token)
    tried = await web.post("/pipeline/sync/dry-run", token=token)
    assert (looked.status, tried.status) == statuses


async def test_an_unknown_pipeline_is_404_with_what_was_meant(web: Web) -> None:
    assert "did you mean `sync`" in (await web.get("/pipeline/snyc")).json["message"]
    assert (await web.post("/pipeline/none/dry-run")).status == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"payload": []}, "payload must be"),
        ({"answers": []}, "answers must be"),
        ({"answers": {"gate": {}}}, "answers.gate must be"),
        ({"answers": {"gate": [1]}}, "answers.gate must be"),
        ({"answers": {"gaet": []}}, "did you mean `gate`"),
        ({"playload": {}}, "did you mean `payload`"),
        (b"[]", "JSON object"),
        (b"{", "JSON"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(web: Web, body: Any, said: str) -> None:
    answer = await web.post("/pipeline/gated/dry-run", body, headers={"Content-Type": "application/json"})
    assert (answer.status, said in answer.json["message"]) == (400, True), answer.json
