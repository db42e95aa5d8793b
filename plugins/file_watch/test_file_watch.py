"""Asks the plugin as the gateway does, in the configuration folder; most of the time without a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"
OLD = 1_000_000_000
"""Seconds since 1970 at which a file has long settled."""


class Watching:
    """An instance whose state is kept from poll to poll."""

    def __init__(self, *watches: dict[str, Any], **config: Any) -> None:
        self.config = {"watches": list(watches), **config}
        self.state: dict[str, Any] = {}
        self.last: dict[str, Any] = {}

    def call(self, command: str, code: int = 0, **more: Any) -> dict[str, Any]:
        request = {"command": command, "config": self.config, "state": self.state, "instance": "files", **more}
        return run(request, code)

    def poll(self) -> list[tuple[str, str]]:
        self.last = self.call("poll")
        assert self.last["status"] == "ok", self.last
        assert len(json.dumps(self.state)) < 1_000_000
        self.state = self.last.get("state_updates", self.state)
        return [(event["payload"]["change_type"], event["payload"]["name"]) for event in self.last["events"]]

    def keys(self) -> list[str]:
        return [event["dedupe_key"] for event in self.last["events"]]


def loaded() -> ModuleType:
    """The plugin as a module."""
    sys.path.insert(0, str(PLUGIN.parent))
    try:
        spec = importlib.util.spec_from_file_location("file_watch_run", PLUGIN)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # where dataclasses look for their module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(PLUGIN.parent))


RUN = loaded()


def run(request: Any, code: int = 0) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    response, ended = RUN.respond(stdin)
    assert ended == code, response
    answer: dict[str, Any] = json.loads(json.dumps(response))
    return answer


def refused(response: dict[str, Any], *, retry: bool = False) -> str:
    assert (response["status"], response["retry"]) == ("error", retry), response
    reason: str = response["error"]
    return reason


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/a.txt").write_text("one")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


ONE = {"id": "one", "path": "in/a.txt"}
ALL = {"id": "all", "path": "in/*.txt"}


def test_a_file_is_reported_when_it_changes_goes_and_comes_and_once_only(root: Path) -> None:
    watching = Watching(ONE)
    assert watching.poll() == []
    (root / "in/a.txt").write_text("two")
    assert watching.poll() == [("modified", "a.txt")]
    assert watching.poll() == []
    (root / "in/a.txt").unlink()
    assert watching.poll() == [("deleted", "a.txt")]
    assert watching.poll() == []
    (root / "in/a.txt").write_text("two")
    assert watching.poll() == [("created", "a.txt")]


def test_an_event_says_what_and_where(root: Path) -> None:
    watching = Watching({**ONE, "event_type": "note.changed"})
    watching.poll()
    (root / "in/a.txt").write_text("three")
    watching.poll()
    (event,) = watching.last["events"]
    payload = event["payload"]
    assert event["type"] == "note.changed"
    assert (payload["watch_id"], payload["path"], payload["size"]) == ("one", str(root.resolve() / "in/a.txt"), 5)
    assert payload["fingerprint"] != payload["previous_fingerprint"]
    assert payload["changed_at"].endswith("Z")


def test_without_a_type_of_its_own_the_event_is_named_for_the_change(root: Path) -> None:
    watching = Watching({**ALL, "emit_initial": True})
    watching.poll()
    (root / "in/a.txt").unlink()
    created = watching.last["events"][0]["type"]
    watching.poll()
    assert (created, watching.last["events"][0]["type"]) == ("file.created", "file.deleted")


def test_what_is_there_at_the_first_look_is_reported_only_when_asked_for() -> None:
    assert Watching({**ONE, "emit_initial": True}, ALL).poll() == [("created", "a.txt")]


def test_a_file_that_is_missing_at_the_first_look_is_reported_when_it_comes(root: Path) -> None:
    watching = Watching({"id": "x", "path": "later/x"})
    assert watching.poll() == []
    (root / "later").mkdir()
    (root / "later/x").write_text("")
    assert watching.poll() == [("created", "x")]


def test_a_file_that_goes_is_not_reported_where_that_is_not_wanted(root: Path) -> None:
    watching = Watching({**ONE, "emit_deleted": False})
    watching.poll()
    (root / "in/a.txt").unlink()
    assert watching.poll() == []
    (root / "in/a.txt").write_text("one")
    assert watching.poll() == [("created", "a.txt")]


@pytest.mark.parametrize(("strategy", "expected"), [("sha256", []), ("mtime_size", [("modified", "a.txt")])])
def test_a_file_that_is_only_touched_is_the_same_by_content(root: Path, strategy: str, expected: list[Any]) -> None:
    watching = Watching({**ONE, "strategy": strategy})
    watching.poll()
    os.utime(root / "in/a.txt", (OLD, OLD))
    assert watching.poll() == expected


def test_content_of_the_same_size_and_time_is_another_one(root: Path) -> None:
    os.utime(root / "in/a.txt", (OLD, OLD))
    watching = Watching(ONE)
    watching.poll()
    (root / "in/a.txt").write_text("eno")
    os.utime(root / "in/a.txt", (OLD, OLD))
    assert watching.poll() == [("modified", "a.txt")]


@pytest.mark.parametrize(("racy_ns", "expected"), [(10**18, [("modified", "a.txt")]), (-1, [])])
def test_a_file_that_has_just_changed_is_read_again(
    monkeypatch: pytest.MonkeyPatch, racy_ns: int, expected: list[Any]
) -> None:
    """Its stamp may stay the same through another change, so that only the content tells."""
    monkeypatch.setattr(RUN, "RACY_NS", racy_ns)
    watching = Watching(ONE)
    watching.poll()
    next(iter(watching.state["watches"]["one"]["files"].values()))[0] = "another content"
    assert watching.poll() == expected


def test_a_file_larger_than_may_be_read_is_compared_by_time_and_size() -> None:
    watching = Watching(ONE, max_hash_bytes=2)
    watching.poll()
    assert ":" in next(iter(watching.state["watches"]["one"]["files"].values()))[0]


def test_a_file_that_still_changes_is_left_alone(root: Path) -> None:
    watching = Watching({**ALL, "min_stable_age": "1h", "emit_initial": True})
    assert watching.poll() == []
    os.utime(root / "in/a.txt", (OLD, OLD))
    assert watching.poll() == [("created", "a.txt")]


def test_a_pattern_finds_files_and_no_hidden_ones(root: Path) -> None:
    for name in ("in/b.txt", "in/c.md", "in/.d.txt", "in/sub/e.txt", "in/sub/.f.txt", "in/g[1].txt"):
        (root / name).write_text("")
    (root / "in/.git").mkdir()
    (root / "in/.git/h.txt").write_text("")
    for pattern, names in {
        "in/*.txt": "a.txt b.txt g[1].txt",
        "in/?.txt": "a.txt b.txt",
        "in/[bc].*": "b.txt c.md",
        "in/.*.txt": ".d.txt",
        "in/**/*.txt": "a.txt b.txt g[1].txt e.txt",
        "in/*/*.txt": "e.txt",
        "**/e.*": "e.txt",
        "in/g[[]1].txt": "g[1].txt",
        "*/sub/.f*": ".f.txt",
    }.items():
        found = Watching({"id": "p", "path": pattern, "emit_initial": True}).poll()
        assert [name for _, name in found] == names.split(), pattern


def test_each_poll_reports_no_more_than_it_may_and_the_rest_follows(root: Path) -> None:
    watching = Watching(ALL, max_events=2)
    watching.poll()
    for name in "bcdef":
        (root / f"in/{name}.txt").write_text(name)
    found = [watching.poll() for _ in range(4)]
    assert [len(events) for events in found] == [2, 2, 1, 0]
    assert sorted(name for events in found for _, name in events) == [f"{name}.txt" for name in "bcdef"]


def test_a_repeated_poll_has_the_same_keys_and_a_file_that_comes_again_another_one(root: Path) -> None:
    watching = Watching({**ONE, "emit_initial": True})
    watching.poll()
    first = watching.keys()
    watching.state = {}
    watching.poll()
    assert watching.keys() == first
    (root / "in/a.txt").unlink()
    watching.poll()
    (root / "in/a.txt").write_text("one")
    watching.poll()
    assert watching.keys() != first


def test_two_watches_of_one_file_have_keys_of_their_own() -> None:
    watching = Watching({**ONE, "emit_initial": True}, {**ONE, "id": "two", "emit_initial": True})
    watching.poll()
    assert len(set(watching.keys())) == 2


def test_a_watch_that_is_about_something_else_now_begins_anew(root: Path) -> None:
    (root / "in/b.txt").write_text("b")
    watching = Watching(ONE)
    watching.poll()
    watching.config["watches"] = [{"id": "one", "path": "in/b.txt"}]
    assert watching.poll() == []
    watching.config["watches"] = [ALL]
    assert watching.poll() == []
    assert list(watching.state["watches"]) == ["all"]


def test_state_is_sent_only_when_it_differs(root: Path) -> None:
    os.utime(root / "in/a.txt", (OLD, OLD))
    watching = Watching({**ONE, "strategy": "mtime_size"})
    watching.poll()
    watching.poll()
    assert "state_updates" not in watching.last


@pytest.mark.parametrize(
    "state", [None, 5, {"watches": 5}, {"watches": {"one": {"about": "x"}}}, {"watches": {"one": 5}}]
)
def test_a_strange_state_counts_as_none(state: Any) -> None:
    watching = Watching(ONE)
    watching.state = state
    response = watching.call("poll")
    assert (response["status"], response["events"]) == ("ok", [])


# Links.


def test_a_link_that_leads_out_of_the_root_counts_as_not_there(root: Path) -> None:
    (root / "in/link.txt").symlink_to("../secret.txt")
    (root / "in/folder").symlink_to(root)
    (root / "in/same.txt").symlink_to("a.txt")
    watching = Watching({"id": "x", "path": "in/link.txt", "emit_initial": True})
    assert watching.poll() == []
    assert "leads out" in watching.last["logs"][0]["message"]
    assert Watching({"id": "x", "path": "in/same.txt", "emit_initial": True}).poll() == [("created", "same.txt")]
    found = Watching({"id": "x", "path": "in/**/*.txt", "emit_initial": True}).poll()
    assert found == [("created", "a.txt")]


def test_a_file_that_becomes_a_link_out_of_the_root_is_gone(root: Path) -> None:
    watching = Watching(ONE)
    watching.poll()
    (root / "in/a.txt").unlink()
    (root / "in/a.txt").symlink_to(root / "secret.txt")
    assert watching.poll() == [("deleted", "a.txt")]


def test_a_link_that_is_swapped_behind_itself_is_followed_where_it_stays_inside(root: Path) -> None:
    """As Kubernetes replaces the files of a mounted configuration."""
    for name in ("v1", "v2"):
        (root / "in" / name).mkdir()
        (root / "in" / name / "app.yaml").write_text(name)
    (root / "in/data").symlink_to("v1")
    (root / "in/app.yaml").symlink_to("data/app.yaml")
    watching = Watching({"id": "x", "path": "in/app.yaml"})
    watching.poll()
    (root / "in/new").symlink_to("v2")
    (root / "in/new").rename(root / "in/data")
    assert watching.poll() == [("modified", "app.yaml")]


def test_watches_must_lie_in_the_roots(root: Path) -> None:
    config: dict[str, Any] = {"roots": ["in"]}
    assert Watching({**ONE, "emit_initial": True}, **config).poll() == [("created", "a.txt")]
    (root / "in/out").symlink_to(root)
    for path in ("secret.txt", "in/out/secret.txt", "in/out/*.txt", "*", "/etc/hostname", "input/x"):
        refused(Watching({"id": "x", "path": path}, **config).call("poll", 78))


def test_a_pipe_or_a_folder_is_no_file(root: Path) -> None:
    os.mkfifo(root / "in/pipe.txt")
    (root / "in/folder.txt").mkdir()
    assert Watching({"id": "x", "path": "in/pipe.txt", "emit_initial": True}).poll() == []
    assert Watching({"id": "x", "path": "in/sub", "emit_initial": True}).poll() == []
    assert Watching({**ALL, "emit_initial": True}).poll() == [("created", "a.txt")]


def test_a_name_that_is_no_utf_8_is_left_out(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root / "in") + b"/\xff.txt")).write_text("")
    watching = Watching({**ALL, "emit_initial": True})
    assert watching.poll() == [("created", "a.txt")]
    assert "no UTF-8" in watching.last["logs"][0]["message"]


# What cannot be done.


def test_a_folder_that_cannot_be_listed_does_not_make_its_files_disappear(root: Path) -> None:
    watching = Watching(ALL, {"id": "two", "path": "secret.txt"})
    watching.poll()
    (root / "in").rename(root / "away")
    assert watching.poll() == []
    assert "cannot be listed" in watching.last["logs"][0]["message"]
    (root / "away").rename(root / "in")
    assert watching.poll() == []
    only = Watching({"id": "x", "path": "none/*"})
    assert "none" in refused(only.call("poll"), retry=True)
    assert "none" in refused(only.call("health"), retry=True)


def test_a_poll_whose_time_is_over_forgets_nothing() -> None:
    watching = Watching(ONE)
    watching.poll()
    assert "time is over" in refused(watching.call("poll", deadline_at="2020-01-01T00:00:00.000Z"), retry=True)


def test_too_many_files_are_an_error_and_the_state_never_grows_beyond_its_limit(root: Path) -> None:
    for name in range(20):
        (root / f"in/{name}.txt").write_text("")
    assert "max_files" in refused(Watching(ALL, max_files=20).call("poll"))
    deep = root
    for _ in range(15):
        deep /= "x" * 250
        deep.mkdir()
    for name in range(270):
        (deep / f"{name:03}").write_text("")
    assert "950000" in refused(Watching({"id": "x", "path": f"{'x' * 250}/**/*"}).call("poll"))


def test_folders_without_end_are_an_error(root: Path) -> None:
    deep = root.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    assert "inside each other" in refused(Watching({"id": "x", "path": "**/*.txt"}).call("poll"))


def test_it_runs_as_a_program(root: Path) -> None:
    (root / "json.py").write_text("raise SystemExit(9)")
    for stdin, code in (
        (json.dumps({"command": "poll", "config": {"watches": [ONE]}, "new": 1}), 0),
        ("{}", 0),
        ("[", 1),
    ):
        ended = subprocess.run([sys.executable, str(PLUGIN)], input=stdin, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (code, "")
        assert json.loads(ended.stdout)["status"] == ("ok" if "poll" in stdin else "error")


def test_health_looks_at_the_watches() -> None:
    assert Watching(ONE, ALL).call("health")["result"] == "healthy"
    refused(Watching({"id": "x", "path": "nowhere/x"}).call("health"), retry=True)


BAD: list[Any] = [None, 5, {}, {"watches": []}, {"watches": "x"}, {"watches": [5]}, {"watches": [{}]}]
BAD += [{"watches": [ONE, ONE]}, {"watches": [ONE], "max_events": 0}, {"watches": [ONE], "max_files": "9"}]
BAD += [{"watches": [ONE], "roots": "in"}, {"watches": [ONE], "roots": [""]}]
WRONG: list[dict[str, Any]] = [
    {"id": ""},
    {"path": 5},
    {"path": "in/../x"},
    {"path": "/"},
    {"path": "a\0"},
    {"event": "x"},
]
WRONG += [
    {"strategy": "md5"},
    {"emit_initial": "yes"},
    {"min_stable_age": "soon"},
    {"min_stable_age": -1},
    {"event_type": 5},
]
BAD += [{"watches": [{**ONE, **wrong}]} for wrong in WRONG]


@pytest.mark.parametrize("config", BAD)
def test_a_wrong_configuration_ends_with_78(config: Any) -> None:
    assert "config" in refused(run({"command": "poll", "config": config}, 78))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"command": "dance"}, 0),
        ({"command": ["poll"]}, 0),
        ([], 0),
        (None, 0),
        (b"{", 1),
        (b"\xff", 1),
        (b"[" * 99_999, 1),
    ],
)
def test_a_bad_request_is_a_permanent_error(request_: Any, code: int) -> None:
    refused(run(request_, code))
