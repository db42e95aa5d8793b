"""Which job is meant: by the beginning of its id, or as the last one."""

import json
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.core.jobs.job_ids import id_prefix
from ductile.cli.main import main

Captured = pytest.CaptureFixture[str]
ONE = "01a2299b-b276-7550-9ba2-646438fbc91a"
TWO = "01a2299b-bb98-73e5-8a7c-5609bd1412aa"
OTHER = "01a2299c-0000-73e5-8a7c-5609bd1412aa"
JOBS = [{"job_id": job_id, "plugin": "echo", "command": "say", "status": "succeeded"} for job_id in (OTHER, TWO, ONE)]


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("01a2299b", "01a2299b"),
        ("01a2299b-", "01a2299b"),
        ("01A2299B-B2", "01a2299b-b2"),
        ("01a2299bb2", "01a2299b-b2"),
        ("0", "0"),
        ("01a2-299b", None),
        ("nonsense", None),
        ("-", None),
        (ONE, None),
        (ONE.replace("-", ""), None),
        (f"{ONE}00", None),
    ],
)
def test_what_an_id_begins_with(text: str, prefix: str | None) -> None:
    assert id_prefix(text) == prefix


def jobs_below(**filters: Any) -> Any:
    """A page of the jobs below the cursor, as a gateway answers."""
    found = [one for one in JOBS if one["job_id"] < filters.get("cursor", "g")][: filters["limit"]]
    return {
        "jobs": found,
        "total": len(JOBS),
        "cursor": found[-1]["job_id"] if found and found[-1] != JOBS[-1] else None,
    }


@pytest.mark.parametrize("text", [ONE, ONE[:12], ONE[:11].upper(), "01a2299bb2"])
@pytest.mark.parametrize("line", [["inspect"], ["tree"], ["cancel"], ["retry"], ["logs"], ["inspect", "--tree"]])
def test_the_only_job_whose_id_begins_so_is_meant(
    gateway: FakeGateway, line: list[str], text: str, capsys: Captured
) -> None:
    asked: list[str] = []

    def answer(job_id: str, **_: Any) -> Any:
        asked.append(job_id)
        return {"job_id": job_id, "status": "cancelled", "logs": [{"x": 1}]}

    gateway.answers |= {"jobs": jobs_below, "job": answer, "cancel": answer, "retry": answer, "job_logs": answer}
    gateway.answers["tree"] = lambda job_id: asked.append(job_id) or []
    assert main(["job", line[0], text, *line[1:]]) == 0
    assert asked == [ONE]
    capsys.readouterr()


def test_a_beginning_of_several_lists_them(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers["jobs"] = jobs_below
    assert main(["job", "inspect", "01a2299b"]) == 2
    told = capsys.readouterr().err
    assert ONE in told
    assert TWO in told
    assert OTHER not in told
    assert "echo.say succeeded" in told
    assert main(["job", "cancel", "01a", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)
    assert error["error"] == "ambiguous_id"
    assert [one["job_id"] for one in error["details"]["jobs"]] == [OTHER, TWO, ONE]
    assert [name for name, _, _ in gateway.calls] == ["jobs", "jobs"]


def test_a_beginning_of_none_is_refused_in_the_gateways_words(gateway: FakeGateway, capsys: Captured) -> None:
    gateway.answers |= {"jobs": jobs_below, "job": (404, {"error": "unknown_job", "message": "No job.", "details": {}})}
    assert main(["job", "inspect", "02ff"]) == 3
    assert gateway.calls[-1][1] == ("02ff",)
    capsys.readouterr()


def test_the_last_one_is_the_newest_that_is_no_step(gateway: FakeGateway, capsys: Captured) -> None:
    steps = [{**JOBS[0], "parent_job_id": "r"}, {**JOBS[1], "parent_job_id": "r"}]
    pages = iter([
        {"jobs": steps[:1], "total": 3, "cursor": OTHER},
        {"jobs": [steps[1], JOBS[2]], "total": 3, "cursor": None},
    ])  # fmt: skip
    gateway.answers |= {"jobs": lambda **_: next(pages), "job": lambda job_id: {"job_id": job_id, "status": "queued"}}
    assert main(["job", "inspect", "--last"]) == 0
    assert json.loads(capsys.readouterr().out)["job_id"] == ONE


def test_without_a_job_there_is_no_last_one(gateway: FakeGateway, capsys: Captured) -> None:
    assert main(["job", "inspect", "--last"]) == 3
    assert "no job yet" in capsys.readouterr().err
    assert gateway.url


@pytest.mark.parametrize(("line", "told"), [([], "--last"), ([ONE, "--last"], "takes no ID")])
@pytest.mark.parametrize("verb", ["inspect", "cancel", "retry", "tree"])
def test_exactly_one_way_names_the_job(
    gateway: FakeGateway, verb: str, line: list[str], told: str, capsys: Captured
) -> None:
    assert main(["job", verb, *line]) == 2
    assert told in capsys.readouterr().err
    assert gateway.calls == []
