"""What each line of the log says of the request and the attempt that it belongs to."""

from support.gateway import TOKEN, Gateway

FAIL = """#!/bin/sh
cat >/dev/null
echo '{"status":"error","error":"the word is test-token-of-the-admin","retry":false}'
"""


def test_every_line_of_a_request_and_of_what_it_started_has_their_ids(gateway: Gateway) -> None:
    gateway.plugin("fail", FAIL)
    gateway.configure()
    gateway.start()
    answer = gateway.post("/plugin/fail/handle", headers={"X-Request-Id": "the-trigger"})
    job_id = answer.body["job_id"]
    gateway.idle()
    gateway.post("/system/pause", headers={"X-Request-Id": "the-pause"})
    gateway.post("/system/resume", headers={"X-Request-Id": "the-resume"})
    gateway.post("/system/reload", headers={"X-Request-Id": "the-reload"})
    gateway.configure(service={"log_level": "nonsense"})
    gateway.post("/system/reload", headers={"X-Request-Id": "the-refusal"})
    gateway.call("GET", "/nowhere", headers={"X-Request-Id": "the-miss"})
    assert gateway.stop() == 0
    by_request: dict[str, list[str]] = {}
    for line in gateway.log:
        by_request.setdefault(str(line.get("request_id")), []).append(line["message"])
    assert by_request["the-trigger"] == ["request", "attempt ended"]
    assert by_request["the-pause"] == ["paused", "request"]
    assert by_request["the-resume"] == ["resumed", "request"]
    assert by_request["the-reload"] == ["reloaded", "request"]
    assert by_request["the-refusal"] == ["reload refused", "request"]
    assert by_request["the-miss"] == ["request"]
    [ended] = [line for line in gateway.log if line["message"] == "attempt ended"]
    expected = {"job_id": job_id, "attempt": 1, "plugin": "fail", "command": "handle", "outcome": "failed"}
    assert expected.items() <= ended.items()
    assert (ended["level"], ended["error"]) == ("info", "the word is [REDACTED]")
    assert not any(TOKEN in str(line) for line in gateway.log)


def test_an_attempt_that_succeeds_is_worth_a_line_only_to_those_who_look_closely(gateway: Gateway) -> None:
    gateway.plugin("shell", '#!/bin/sh\ncat >/dev/null\necho \'{"status":"ok","result":1}\'\n')
    gateway.configure(service={"log_level": "info"})
    gateway.start()
    gateway.run("shell", "handle")
    gateway.configure(service={"log_level": "debug"})
    gateway.post("/system/reload")
    gateway.run("shell", "handle")
    assert gateway.stop() == 0
    assert [line["level"] for line in gateway.log if line["message"] == "attempt ended"] == ["debug"]
