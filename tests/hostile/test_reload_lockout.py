"""A reload cannot lock its owner out: files that are cut short, rotated tokens, half-written files that are watched."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support.gateway import TOKEN, Gateway, gateways

OTHER = "test-token-of-another-admin"


def tokens(*given: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {"auth": {"tokens": [{"name": name, "token": token, "scopes": scopes} for name, token, scopes in given]}}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    for gateway in gateways(tmp_path_factory.mktemp("lockout")):
        gateway.configure(api=tokens(("admin", TOKEN, ["*"]), ("other", OTHER, ["*"])))
        yield gateway.start()


@pytest.fixture
def whole(running: Gateway) -> Iterator[tuple[Gateway, str]]:
    """The gateway and the text of its file, which is whole again and in force afterwards."""
    path = running.folder / "config.yaml"
    text = path.read_text()
    yield running, text
    path.write_text(text)
    assert running.post("/system/reload").body["changed"] in (True, False)


def refused(gateway: Gateway, *, token: str = TOKEN, query: str = "") -> Any:
    answer = gateway.post(f"/system/reload{query}", token=token)
    assert (answer.status, answer.body["error"]) == (422, "operator_locked_out"), answer.raw
    return answer.body


def api_of(text: str, **changes: Any) -> str:
    value = yaml.safe_load(text)
    return yaml.safe_dump({**value, "api": {**value["api"], **changes}}, sort_keys=False)


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"tokens": []},
        {"tokens": [{"token": TOKEN, "scopes": ["plugin:rw"]}]},
        {"tokens": [{"token": TOKEN, "scopes": ["*"], "expires_at": "2020-01-01T00:00:00Z"}]},
    ],
    ids=["cut", "empty", "no star", "expired"],
)
def test_a_file_without_an_operator_is_refused_by_every_way_to_reload(
    whole: tuple[Gateway, str], auth: dict[str, Any]
) -> None:
    gateway, text = whole
    (gateway.folder / "config.yaml").write_text(api_of(text, auth=auth))
    body = refused(gateway)
    assert "no valid token with the scope `*`" in body["message"]
    assert [(error["file"], error["path"]) for error in body["details"]["errors"]] == [
        ("config.yaml", "api.auth.tokens")
    ]
    refused(gateway, query="?dry_run=true")
    count = len(gateway.log)
    gateway.signal(signal.SIGHUP)
    gateway.until(lambda: any(line["message"] == "reload refused" for line in gateway.log[count:]))
    assert gateway.get("/jobs")["total"] == 0, "the operator is let in as before"


def test_a_file_cut_at_any_line_never_locks_the_operator_out(whole: tuple[Gateway, str]) -> None:
    gateway, text = whole
    lines = text.splitlines(keepends=True)
    for end in range(len(lines)):
        (gateway.folder / "config.yaml").write_text("".join(lines[:end]))
        gateway.post("/system/reload")
        assert gateway.call("GET", "/jobs").status == 200, f"after the first {end} lines"


def test_the_callers_own_token_stays_unless_that_is_meant(whole: tuple[Gateway, str]) -> None:
    gateway, text = whole
    (gateway.folder / "config.yaml").write_text(api_of(text, **tokens(("other", OTHER, ["*"]))))
    assert "the token of this call" in refused(gateway)["message"]
    assert gateway.post("/system/reload?force=true&dry_run=true").status == 200
    assert gateway.call("GET", "/jobs").status == 200
    assert gateway.post("/system/reload", token=OTHER).status == 200, "the other one keeps its own"
    assert gateway.call("GET", "/jobs").status == 401
    (gateway.folder / "config.yaml").write_text(text)
    assert gateway.post("/system/reload", token=OTHER).status == 200


def test_force_puts_it_in_force_all_the_same(whole: tuple[Gateway, str]) -> None:
    gateway, text = whole
    (gateway.folder / "config.yaml").write_text(api_of(text, **tokens(("other", OTHER, ["jobs:ro"]))))
    refused(gateway)
    assert gateway.post("/system/reload?force=true").status == 200
    assert gateway.call("GET", "/jobs").status == 401
    (gateway.folder / "config.yaml").write_text(text)
    gateway.signal(signal.SIGHUP)
    gateway.until(lambda: gateway.call("GET", "/jobs").status == 200)


def test_where_there_was_no_operator_any_configuration_will_do(gateway: Gateway) -> None:
    gateway.configure(api=tokens(("reader", TOKEN, ["jobs:ro"])))
    gateway.start()
    gateway.configure(service={"max_hops": 7})
    gateway.signal(signal.SIGHUP)
    gateway.until(lambda: gateway.get("/healthz")["generation"] == 2)


def test_a_half_written_file_that_is_watched_is_never_in_force(gateway: Gateway) -> None:
    gateway.configure(
        service={"watch": True, "settle": "300ms"},
        api=tokens(("admin", TOKEN, ["*"]), ("other", OTHER, ["*"])),
        plugins={},
    )
    gateway.start()
    path = gateway.folder / "config.yaml"
    gateway.until(lambda: any(line["message"] == "waiting for changes" for line in gateway.log))
    text = yaml.safe_dump({**gateway.config, "service": {**gateway.config["service"], "max_hops": 9}})
    with path.open("w") as file:  # a slow writer: each part is valid YAML, and most of them lack a token
        for line in text.splitlines(keepends=True):
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            assert gateway.call("GET", "/jobs", token=OTHER).status == 200
    gateway.until(lambda: gateway.get("/healthz")["generation"] == 2)
    assert not [line for line in gateway.log if line["message"] == "reload refused"]
