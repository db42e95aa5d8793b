"""A plugin is any executable: the same conversation in several languages, scripts and binaries."""

from collections.abc import Mapping

import pytest
from support.gateway import Gateway

LANGUAGES = ("bash", "python", "node", "go", "rust", "c")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_executable_in_any_language_is_a_plugin(installed: tuple[Gateway, Mapping[str, str]], language: str) -> None:
    gateway, absent = installed
    if language in absent:
        pytest.skip(absent[language])
    job = gateway.run(f"speaks_{language}", "handle", {"text": "ü" * 70_000})
    answer = job["result"]
    assert (job["status"], answer["result"]["language"], answer["result"]["attempt"]) == ("succeeded", language, "1")
    assert answer["result"]["received"] > 140_000
    [event] = answer["events"]
    assert (event["type"], event["payload"]["text"]) == ("spoken", f"grüße from {language}")
    assert event["payload"]["result"] == answer["result"]
    assert answer["logs"] == [{"level": "info", "message": f"{language} spoke"}]
    assert answer["state_updates"] == {"language": language}


def test_steps_in_several_languages_are_one_run(installed: tuple[Gateway, Mapping[str, str]]) -> None:
    gateway, absent = installed
    [root, *steps] = gateway.run_pipeline("babel", {"text": "hello"})
    assert root["status"] == "succeeded"
    assert [step["step"] for step in steps] == order(absent)
    assert {step["status"] for step in steps} == {"succeeded"}


def order(absent: Mapping[str, str]) -> list[str]:
    """The languages that are there, in the order of the pipeline's steps."""
    return [language for language in ("go", "rust", "c", "bash", "python", "node") if language not in absent]


def test_a_plugin_without_its_interpreter_or_executable_is_quarantined_with_the_reason(gateway: Gateway) -> None:
    gateway.plugin("lost", "#!/usr/bin/env -S no-such-runner run --script\n")
    folder = gateway.plugin("unbuilt", "")
    (folder / "run").unlink()
    gateway.plugin("sound", '#!/bin/sh\ncat >&2\necho \'{"status": "ok", "result": 1}\'\n')
    gateway.start()
    for name, reason in (("lost", "`no-such-runner`, which is not on the PATH"), ("unbuilt", "does not exist in")):
        answer = gateway.post(f"/plugin/{name}/handle", {})
        assert (answer.status, answer.body["error"]) == (503, "plugin_unavailable")
        assert reason in answer.body["message"]
    assert gateway.run("sound", "handle")["status"] == "succeeded"
