"""`ductile config doctor`: each check says ok, warn or fail, and what to do."""

import asyncio
import json
import os
import resource
import shutil
import socket
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ductile.cli.core import doctor_checks
from ductile.cli.core.doctor_checks import FAIL, OK, WARN, Finding
from ductile.cli.main import main
from ductile.config.load import load_layers

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("DUCTILE_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "made"
    assert main(["config", "init", str(folder), "--listen", f"unix:{tmp_path}/d.sock", "--quiet"]) == 0
    monkeypatch.setenv("DUCTILE_CONFIG_DIR", str(folder))
    return folder


def doctor(capsys: Captured, code: int) -> dict[str, list[tuple[str, str, str | None]]]:
    capsys.readouterr()
    assert main(["config", "doctor"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["ok"] is (code == 0)
    found: dict[str, list[tuple[str, str, str | None]]] = {}
    for one in document["checks"]:
        found.setdefault(one["check"], []).append((one["status"], one["message"], one["advice"]))
    return found


def test_a_new_configuration_is_fit(capsys: Captured) -> None:
    found = doctor(capsys, 0)
    assert set(found) == {"configuration", "plugins", "secrets", "state", "listen", "files", "clock"}
    assert {status for rows in found.values() for status, _, _ in rows} == {OK}


def test_a_faulty_configuration_fails_and_the_other_checks_go_on(folder: Path, capsys: Captured) -> None:
    with (folder / "config.yaml").open("a") as file:
        file.write("nonsense: 1\n")
    found = doctor(capsys, 1)
    ((status, message, advice),) = found["configuration"]
    assert (status, "error[unknown_key]" in message, "config check" in str(advice)) == (FAIL, True, True)
    assert found["state"][0][0] == OK


def test_a_plugin_that_cannot_run_fails_if_it_is_configured(folder: Path, capsys: Captured) -> None:
    shutil.copytree(folder / "plugins/hello", folder / "plugins/spare")
    manifest = folder / "plugins/spare/manifest.yaml"
    manifest.write_text(manifest.read_text().replace("name: hello", "name: spare"))
    (folder / "plugins/spare/run.py").chmod(0o644)
    ((status, message, _),) = doctor(capsys, 0)["plugins"]
    assert (status, "chmod +x" in message) == (WARN, True)
    (folder / "plugins/hello/run.py").write_text("#!/usr/bin/env no-such-interpreter\n")
    failed = [message for status, message, _ in doctor(capsys, 1)["plugins"] if status == FAIL]
    assert len(failed) == 1
    assert "no-such-interpreter" in failed[0]


@pytest.mark.parametrize(
    ("name", "mode", "status", "advice"),
    [
        (".env", 0o644, FAIL, "chmod 600"),
        (".env", 0o640, WARN, "chmod 600"),
        ("config.yaml", 0o666, FAIL, "chmod o-w"),
        ("key", 0o604, WARN, "chmod 600"),
    ],
)
def test_secrets_that_others_may_read_or_change_are_found(
    folder: Path, name: str, mode: int, status: str, advice: str
) -> None:
    config = folder / "config.yaml"
    (folder / "key").write_text("a-long-secret")
    (folder / "key").chmod(0o600)
    config.write_text(config.read_text().replace("greeting: Hello", "greeting: ${file:key}"))
    assert [one.status for one in secrets(folder)] == [OK]
    (folder / name).chmod(mode)
    (found,) = secrets(folder)
    assert (found.status, found.advice) == (status, f"{advice} {folder / name}")


def test_a_secret_in_a_yaml_file_that_all_can_read_is_found(folder: Path) -> None:
    config = folder / "config.yaml"
    config.chmod(0o644)
    config.write_text(config.read_text().replace("${DUCTILE_ADMIN_TOKEN}", "written-here"))
    (found,) = secrets(folder)
    assert (found.status, str(config) in found.message) == (WARN, True)


def secrets(folder: Path) -> list[Finding]:
    return list(doctor_checks.check_secrets(load_layers(folder / "config.yaml", {})))


def test_a_database_that_others_may_read_is_found(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    database.write_text("")
    database.chmod(0o600)
    assert [one.status for one in doctor_checks.check_database(database, mounts="")] == [OK]
    database.chmod(0o640)
    assert [one.status for one in doctor_checks.check_database(database, mounts="")] == [FAIL, OK]


def test_a_network_file_system_and_little_space_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"1 1 0:1 / {tmp_path} rw - nfs4 server:/ rw\n"
    (found,) = doctor_checks.check_database(tmp_path / "a/state.db", mounts=mounts)
    assert (found.status, "nfs4" in found.message) == (FAIL, True)
    for free, status in ((10, FAIL), (500, WARN)):
        usage = SimpleNamespace(free=free * doctor_checks.MEGABYTE_BYTES)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        (found,) = doctor_checks.check_database(tmp_path / "state.db", mounts="")
        assert (found.status, f"{free} MB left" in found.message) == (status, True)


def test_a_state_folder_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (found,) = doctor_checks.check_database(tmp_path / "file/state.db", mounts="")
    assert (found.status, found.message) == (FAIL, f"{tmp_path}/file is no folder")


def test_addresses_that_cannot_be_listened_at_are_found(tmp_path: Path) -> None:
    async def check_status(address: str) -> str:
        return (await doctor_checks.check_address(address, tmp_path, tmp_path / "state.db")).status

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))  # without listening: nobody answers, and the address is taken
        assert asyncio.run(check_status(f"127.0.0.1:{one.getsockname()[1]}")) == FAIL
    assert asyncio.run(check_status("127.0.0.1:0")) == OK
    assert asyncio.run(check_status("192.0.2.1:0")) == FAIL
    assert asyncio.run(check_status(f"unix:{tmp_path}/s.sock")) == OK
    assert asyncio.run(check_status(f"unix:{tmp_path}/none/s.sock")) == FAIL


@pytest.mark.parametrize(
    ("health", "status", "says"),
    [
        ({"config_path": "HERE", "status": "ok", "generation": 3}, OK, "generation 3"),
        ({"config_path": "HERE", "status": "degraded"}, WARN, "answers"),
        ({"config_path": "/elsewhere", "status": "ok"}, FAIL, "/elsewhere"),
        (b"<html>", FAIL, "no gateway"),
    ],
)
def test_who_answers_is_told_apart(tmp_path: Path, health: Any, status: str, says: str) -> None:
    body = health if isinstance(health, bytes) else json.dumps(health).replace("HERE", str(tmp_path)).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async def check_status() -> Finding:
        async with await asyncio.start_unix_server(answer, tmp_path / "s.sock"):
            return await doctor_checks.check_address(f"unix:{tmp_path}/s.sock", tmp_path, tmp_path / "state.db")

    found = asyncio.run(check_status())
    assert (found.status, says in found.message) == (status, True)


def test_too_few_open_files_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    assert doctor_checks.check_open_files(4).status == OK
    found = doctor_checks.check_open_files(100)
    assert (found.status, "ulimit -n 928" in str(found.advice)) == (FAIL, True)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    assert "LimitNOFILE" in str(doctor_checks.check_open_files(100).advice)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert doctor_checks.check_open_files(100000).status == OK


def test_a_clock_that_was_never_set_or_is_behind_is_found(folder: Path) -> None:
    layers = load_layers(folder / "config.yaml", {})
    database = folder / "state.db"
    written = (folder / "config.yaml").stat().st_mtime
    assert doctor_checks.check_clock(layers, database, now=written).status == OK
    assert doctor_checks.check_clock(layers, database, now=1000.0).status == FAIL
    assert doctor_checks.check_clock(layers, database, now=written - 3600).status == WARN


def test_a_table_says_what_to_do(folder: Path, capsys: Captured) -> None:
    (folder / ".env").chmod(0o644)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o644
    capsys.readouterr()
    assert main(["config", "doctor", "--format", "table"]) == 1
    assert f"chmod 600 {folder}/.env" in capsys.readouterr().out


def test_who_accepts_and_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "ANSWER_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = asyncio.run(
            doctor_checks.check_address(f"127.0.0.1:{server.getsockname()[1]}", tmp_path, tmp_path / "state.db")
        )
    assert (found.status, "does not answer" in found.message) == (FAIL, True)
