"""Runs the plugin as the gateway does: a request on stdin, a response on stdout, in the configuration folder."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"
CONFIG = {"allowed_read_paths": ["in"], "allowed_write_paths": ["out"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("one\ntwo ☃\n")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


def call(root: Path, request: Any, code: int = 0) -> dict[str, Any]:
    stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
    ended = subprocess.run([PLUGIN], input=stdin, capture_output=True, check=False, timeout=20, cwd=root)
    assert (ended.returncode, ended.stderr) == (code, b"")
    response: dict[str, Any] = json.loads(ended.stdout)
    return response


def ask(command: str, config: Any = CONFIG, **payload: Any) -> dict[str, Any]:
    return {"command": command, "config": config, "payload": payload}


def event(**payload: Any) -> dict[str, Any]:
    return {"command": "handle", "config": CONFIG, "event": {"type": "x", "payload": payload}, "payload": payload}


def refused(response: dict[str, Any]) -> str:
    assert (response["status"], response["retry"]) == ("error", False)
    reason: str = response["error"]
    return reason


def test_read_emits_the_text_and_where_it_was(root: Path) -> None:
    response = call(root, ask("read", path="in/a.txt"))
    (emitted,) = response["events"]
    assert emitted["type"] == "file_handler.read"
    assert emitted["payload"] == response["result"]
    found = response["result"]
    assert (found["name"], found["text"], found["size_bytes"]) == ("a.txt", "one\ntwo ☃\n", 12)
    assert found["path"] == str(root.resolve() / "in/a.txt")
    assert found["modified_at"].endswith("Z")


def test_handle_reads_when_no_action_is_given(root: Path) -> None:
    assert call(root, event(path=str(root / "in/a.txt")))["events"][0]["type"] == "file_handler.read"


def test_write_makes_folders_replaces_the_file_and_leaves_nothing_else(root: Path) -> None:
    call(root, ask("write", path="out/sub/b.txt", text="first"))
    response = call(root, ask("write", path="out/sub/b.txt", text="zweite ☃"))
    assert (root / "out/sub/b.txt").read_text() == "zweite ☃"
    assert [path.name for path in (root / "out/sub").iterdir()] == ["b.txt"]
    assert response["events"][0]["payload"]["size_bytes"] == 10


def test_a_name_as_long_as_names_may_be_is_written(root: Path) -> None:
    name = "☃" * 85
    call(root, ask("write", path=f"out/{name}", text="x"))
    assert [path.name for path in (root / "out").iterdir()] == [name]


def test_a_file_of_the_far_future_is_read(root: Path) -> None:
    os.utime(root / "in/a.txt", (2**33 * 40, 2**33 * 40))
    assert call(root, ask("read", path="in/a.txt"))["result"]["modified_at"].startswith(
        ("9999-12-31", "2446-")
    )  # as far as the file system goes


def test_write_keeps_the_mode_of_the_file_it_replaces(root: Path) -> None:
    call(root, ask("write", path="out/b.txt", text="x"))
    (root / "out/b.txt").chmod(0o640)
    call(root, event(action="write", path="out/b.txt", text="y"))
    assert (root / "out/b.txt").stat().st_mode & 0o777 == 0o640


def test_appends_at_once_lose_nothing(root: Path) -> None:
    lines = [f"{n} {'x' * 2000}\n" for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda line: call(root, event(action="append", path="out/log", text=line)), lines))
    assert sorted((root / "out/log").read_text().splitlines(keepends=True)) == sorted(lines)


@pytest.mark.parametrize("path", ["secret.txt", "in/../secret.txt", "/etc/hostname", "in", "~/x", "out/x", "input", ""])
def test_reading_outside_the_allowed_folders_is_refused(root: Path, path: str) -> None:
    (root / "input").write_text("begins like `in`")
    refused(call(root, ask("read", path=path)))


@pytest.mark.parametrize("path", ["in/a.txt", "out/../x", "/tmp/ductile-must-not-be-there", "out"])
def test_writing_outside_the_allowed_folders_is_refused(root: Path, path: str) -> None:
    refused(call(root, ask("write", path=path, text="x")))
    assert (root / "in/a.txt").read_text() == "one\ntwo ☃\n"
    assert not Path("/tmp/ductile-must-not-be-there").exists()


def test_a_link_that_leads_out_is_refused_and_one_that_stays_inside_is_followed(root: Path) -> None:
    (root / "in/out").symlink_to(root / "secret.txt")
    (root / "in/folder").symlink_to(root)
    (root / "in/same").symlink_to(root / "in/a.txt")
    assert "not inside" in refused(call(root, ask("read", path="in/out")))
    assert "not inside" in refused(call(root, ask("read", path="in/folder/secret.txt")))
    assert call(root, ask("read", path="in/same"))["result"]["name"] == "a.txt"


def test_writing_through_a_link_that_leads_out_is_refused(root: Path) -> None:
    (root / "out").mkdir()
    (root / "out/link").symlink_to(root / "secret.txt")
    for action in ("write", "append"):
        refused(call(root, event(action=action, path="out/link", text="x")))
    assert (root / "secret.txt").read_text() == "secret"


def test_a_pipe_or_a_folder_is_no_file(root: Path) -> None:
    (root / "in/folder").mkdir()
    os.mkfifo(root / "in/pipe")
    assert "no regular file" in refused(call(root, ask("read", path="in/pipe")))
    refused(call(root, ask("read", path="in/folder")))


def test_a_missing_file_is_a_permanent_error(root: Path) -> None:
    assert refused(call(root, ask("read", path="in/none.txt"))) == "in/none.txt: No such file or directory"


def test_bytes_that_are_no_utf_8_are_refused(root: Path) -> None:
    (root / "in/b").write_bytes(b"ab\xff")
    assert "byte 2" in refused(call(root, ask("read", path="in/b")))


def test_more_than_max_bytes_is_refused_both_ways(root: Path) -> None:
    config = {**CONFIG, "max_bytes": 4}
    assert "max_bytes" in refused(call(root, ask("read", config, path="in/a.txt")))
    assert "max_bytes" in refused(call(root, ask("write", config, path="out/x", text="12345")))
    assert not (root / "out/x").exists()


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"path": 3},
        {"path": "a\0b"},
        {"path": "out/x", "action": "write"},
        {"path": "out/x", "action": "delete"},
        {"path": "out/x", "action": "append", "text": 5},
        {"path": "in/a.txt", "action": ["read"]},
    ],
)
def test_a_bad_payload_is_a_permanent_error(root: Path, payload: dict[str, Any]) -> None:
    refused(call(root, event(**payload)))


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        {"allowed_read_paths": 3},
        {"allowed_read_paths": [""]},
        {"allowed_read_paths": ["/"]},
        {"allowed_read_paths": ["in"], "max_bytes": 0},
        {"allowed_write_paths": ["out"]},
    ],
)
def test_a_configuration_that_allows_no_reading_ends_with_78(root: Path, config: Any) -> None:
    refused(call(root, ask("read", config, path="in/a.txt"), code=78))


def test_health_is_ok_before_the_folders_are_made_and_fails_without_configuration(root: Path) -> None:
    assert call(root, ask("health"))["result"] == "healthy"
    refused(call(root, ask("health", {}), code=78))
    refused(call(root, ask("health", {"allowed_read_paths": ["secret.txt/x"]}), code=78))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"command": "dance"}, 0),
        ({"command": ["read"]}, 0),
        ({"command": "read", "config": 5}, 0),
        ({"command": "read", "event": [1]}, 0),
        ([], 0),
        (b"{", 1),
        (b"[" * 100_000, 1),
    ],
)
def test_a_bad_request_is_a_permanent_error(root: Path, request_: Any, code: int) -> None:
    refused(call(root, request_, code))
