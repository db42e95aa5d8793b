"""Runs the plugin as the gateway does: a request on stdin, a response on stdout, in the configuration folder."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"


class Watch:
    """An instance whose state is kept from poll to poll."""

    def __init__(self, root: Path, **config: Any) -> None:
        self.root = root
        self.config = {"folders": ["in"], **config}
        self.state: dict[str, Any] = {}

    def call(self, command: str, code: int = 0) -> dict[str, Any]:
        request = {"command": command, "config": self.config, "state": self.state, "instance": "inbox"}
        return run(self.root, request, code)

    def poll(self) -> list[tuple[str, str]]:
        response = self.call("poll")
        assert response["status"] == "ok", response
        self.state = response.get("state_updates", self.state)
        return [(event["type"].rpartition("_")[2], event["payload"]["name"]) for event in response["events"]]


def run(root: Path, request: Any, code: int = 0) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    ended = subprocess.run([PLUGIN], input=stdin, capture_output=True, check=False, timeout=20, cwd=root)
    assert (ended.returncode, ended.stderr) == (code, b"")
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/old.txt").write_text("old")
    return tmp_path


def test_the_first_poll_only_remembers_what_is_there(root: Path) -> None:
    watch = Watch(root)
    assert watch.poll() == []
    assert list(watch.state["folders"][str(root.resolve() / "in")]) == ["old.txt"]


def test_the_first_poll_reports_what_is_there_when_asked_to(root: Path) -> None:
    assert Watch(root, emit_existing=True).poll() == [("created", "old.txt")]


def test_a_file_is_reported_when_it_comes_changes_and_goes_and_once_only(root: Path) -> None:
    watch = Watch(root)
    watch.poll()
    new = root / "in/new.txt"
    new.write_text("1")
    assert watch.poll() == [("created", "new.txt")]
    assert watch.poll() == []
    new.write_text("22")
    assert watch.poll() == [("changed", "new.txt")]
    new.unlink()
    assert watch.poll() == [("removed", "new.txt")]
    assert watch.poll() == []


def test_an_event_says_where_the_file_is_and_carries_a_dedupe_key(root: Path) -> None:
    (event,) = Watch(root, emit_existing=True).call("poll")["events"]
    payload = event["payload"]
    folder = str(root.resolve() / "in")
    assert (payload["path"], payload["folder"], payload["size_bytes"]) == (f"{folder}/old.txt", folder, 3)
    assert payload["modified_at"].endswith("Z")
    assert event["dedupe_key"].startswith(f"inbox:created:{folder}/old.txt:3:")


def test_a_repeated_poll_gives_the_same_events_and_the_same_snapshot(root: Path) -> None:
    watch = Watch(root, emit_existing=True)
    assert watch.call("poll") == watch.call("poll")


def test_no_state_is_sent_when_nothing_differs(root: Path) -> None:
    watch = Watch(root)
    watch.poll()
    assert "state_updates" not in watch.call("poll")


def test_a_replaced_file_of_the_same_size_and_time_is_a_change(root: Path) -> None:
    watch = Watch(root)
    watch.poll()
    old = root / "in/old.txt"
    times = old.stat().st_atime_ns, old.stat().st_mtime_ns
    (root / "copy").write_text("new")
    os.utime(root / "copy", ns=times)
    (root / "copy").rename(old)
    assert watch.poll() == [("changed", "old.txt")]


def test_a_change_of_mode_is_no_change(root: Path) -> None:
    watch = Watch(root)
    watch.poll()
    (root / "in/old.txt").chmod(0o600)
    assert watch.poll() == []


def test_more_events_than_allowed_follow_with_the_next_polls(root: Path) -> None:
    watch = Watch(root, max_events=2)
    watch.poll()
    for name in "abcde":
        (root / "in" / name).write_text(name)
    polls = [watch.poll() for _ in range(4)]
    assert [[name for _, name in poll] for poll in polls] == [["a", "b"], ["c", "d"], ["e"], []]


def test_a_file_that_still_changes_is_left_for_later(root: Path) -> None:
    watch = Watch(root, settle_ms=60_000)
    watch.poll()
    new = root / "in/new.txt"
    new.write_text("half")
    assert watch.poll() == []
    os.utime(new, (1_700_000_000, 1_700_000_000))
    assert watch.poll() == [("created", "new.txt")]
    new.write_text("written again")
    assert watch.poll() == []


def test_patterns_hidden_names_and_links(root: Path) -> None:
    for name in ("a.md", ".hidden.txt", "sub/b.txt"):
        (root / "in" / name).write_text("x")
    (root / "in/link.txt").symlink_to(root / "in/old.txt")
    assert Watch(root, emit_existing=True, patterns=["*.txt"]).poll() == [("created", "old.txt")]
    assert Watch(root, emit_existing=True, patterns=[".*"]).poll() == [("created", ".hidden.txt")]
    recursive = Watch(root, emit_existing=True, recursive=True, patterns=["*.txt"])
    assert recursive.poll() == [("created", "old.txt"), ("created", "b.txt")]
    assert Watch(root, emit_existing=True, recursive=True, patterns=["sub/*"]).poll() == [("created", "b.txt")]


def test_a_folder_that_is_gone_fails_the_poll_and_reports_nothing_removed(root: Path) -> None:
    watch = Watch(root)
    watch.poll()
    (root / "in").rename(root / "away")
    response = watch.call("poll")
    assert (response["status"], response["retry"]) == ("error", True)
    assert watch.call("health")["status"] == "error"


def test_missing_folders_are_made_when_asked_for(root: Path) -> None:
    assert Watch(root, folders=["new/box"], create_folders=True).poll() == []
    assert (root / "new/box").is_dir()


def test_health_changes_nothing(root: Path) -> None:
    assert Watch(root, folders=["new"], create_folders=True).call("health")["result"] == "healthy"
    assert not (root / "new").exists()


def test_a_name_that_is_no_utf_8_is_left_out_and_logged(root: Path) -> None:
    (root / "in" / os.fsdecode(b"bad\xff")).write_text("x")
    watch = Watch(root, emit_existing=True)
    response = watch.call("poll")
    assert [event["payload"]["name"] for event in response["events"]] == ["old.txt"]
    assert "no UTF-8" in response["logs"][0]["message"]


def test_too_many_files_are_a_permanent_error(root: Path) -> None:
    (root / "in/b").write_text("x")
    response = Watch(root, max_files=1).call("poll")
    assert response["retry"] is False
    assert "max_files" in response["error"]


@pytest.mark.parametrize(
    "config",
    [
        {"folders": None},
        {"folders": []},
        {"folders": [3]},
        {"patterns": []},
        {"recursive": "yes"},
        {"settle_ms": -1},
        {"max_events": 0},
        {"max_files": True},
    ],
)
def test_a_wrong_configuration_ends_with_78(root: Path, config: dict[str, Any]) -> None:
    for command in ("poll", "health"):
        assert Watch(root, **config).call(command, code=78)["retry"] is False


def test_no_configuration_ends_with_78(root: Path) -> None:
    run(root, {"command": "poll"}, code=78)


@pytest.mark.parametrize(("request_", "code"), [({"command": "dance"}, 0), ([], 0), (b"{", 1)])
def test_a_bad_request_is_a_permanent_error(root: Path, request_: Any, code: int) -> None:
    assert run(root, request_, code)["retry"] is False


def test_a_file_from_beyond_the_year_9999_is_reported(root: Path) -> None:
    os.utime(root / "in/old.txt", (10**10, 10**10))
    assert Watch(root, emit_existing=True).poll() == [("created", "old.txt")]


@pytest.mark.parametrize("state", [5, {"folders": 5}, {"folders": {"a": 5}}, {"folders": {"in": {"x": 5, "y": "z"}}}])
def test_a_strange_state_counts_as_none_or_is_refused(root: Path, state: Any) -> None:
    watch = Watch(root)
    state = json.loads(json.dumps(state).replace('"in"', json.dumps(str(root.resolve() / "in"))))
    watch.state = state
    response = watch.call("poll")
    assert (response["status"], response.get("retry")) in (("ok", None), ("error", False))


def test_folders_without_end_are_a_permanent_error(root: Path) -> None:
    root.joinpath("in", *["d"] * 110).mkdir(parents=True)
    response = Watch(root, recursive=True).call("poll")
    assert (response["status"], response["retry"]) == ("error", False)
    assert "inside each other" in response["error"]


def test_a_request_that_is_nested_without_end_is_answered(root: Path) -> None:
    assert run(root, b"[" * 100_000, code=1)["retry"] is False
