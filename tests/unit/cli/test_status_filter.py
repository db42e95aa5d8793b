"""`--status`, of which `failed` means every bad end."""

import pytest
from support.cli import FakeGateway

from ductile.cli.core.jobs.status_filter import BAD_JOB_ENDS, JOB_STATUSES, read_statuses
from ductile.cli.main import main


@pytest.mark.parametrize(
    ("given", "exact", "meant"),
    [
        (None, False, []),
        (["failed"], False, ["failed", "timed_out", "dead"]),
        (["failed"], True, ["failed"]),
        (["error"], False, ["failed", "timed_out", "dead"]),
        (["dead"], False, ["dead"]),
        (["queued", "failed", "dead", "queued"], False, ["queued", "failed", "timed_out", "dead"]),
        (["pending,ok", "held"], False, ["queued", "succeeded", "held"]),
    ],
)
def test_what_is_meant(given: list[str] | None, exact: bool, meant: list[str]) -> None:  # noqa: FBT001 - a row
    assert read_statuses(given, exact=exact, bad_ends=BAD_JOB_ENDS, known=JOB_STATUSES) == meant


def test_several_are_sent_and_a_wrong_one_is_refused_before(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["job", "list", "--status", "queued", "--status", "held"]) == 0
    assert gateway.calls[-1][2]["status"] == ["queued", "held"]
    gateway.answers["logs"] = {"logs": [], "total": 0, "cursor": None}
    assert main(["job", "logs", "--status", "failed"]) == 0
    assert gateway.calls[-1][2]["status"] == ["failed", "timed_out", "lost"]
    calls = len(gateway.calls)
    capsys.readouterr()
    for line in (["list", "--status", "lost"], ["list", "--follow", "--status", "running,faild"], ["list", "--exact"]):
        assert main(["job", *line]) == 2
    assert len(gateway.calls) == calls
    assert "did you mean `failed`" in capsys.readouterr().err
