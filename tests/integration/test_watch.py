"""`service.watch`: whoever changes a file in whatever way, the gateway reads it; what it writes itself is nothing."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.gateway import Gateway

NOOP = """#!/bin/sh
cat > /dev/null
echo '{"status": "ok", "result": "done"}'
"""
WRITER = """#!/bin/sh
cat > /dev/null
mkdir -p plugins/writer/__pycache__ data
for file in plugins/writer/__pycache__/x.pyc plugins/writer/state.txt data/x .config.yaml.swp; do date > $file; done
echo '{"status": "ok", "result": "written"}'
"""
RELOADS = {"reloaded", "reload refused"}
WAITS = "waiting for changes"


@pytest.fixture
def watching(gateway: Gateway) -> Gateway:
    gateway.plugin("noop", NOOP)
    gateway.configure(service={"watch": True}, plugins={"noop": {"config": {"n": 0}}})
    gateway.start()
    settled(gateway)
    return gateway


def health(gateway: Gateway) -> Any:
    return gateway.get("/healthz")


def reaches(gateway: Gateway, generation: int) -> None:
    gateway.until(lambda: health(gateway)["generation"] == generation)
    assert health(gateway)["last_reload_error"] is None
    settled(gateway)


def is_refused(gateway: Gateway) -> Any:
    error = gateway.until(lambda: health(gateway)["last_reload_error"])
    settled(gateway)
    return error


def reloads(gateway: Gateway) -> list[Any]:
    """What the watcher did, also where nothing had changed."""
    return [line for line in gateway.log if line["message"] in RELOADS]


def settled(gateway: Gateway) -> None:
    """Wait until it has seen everything and waits for the next change."""
    told = {*RELOADS, WAITS}
    gateway.until(lambda: [line["message"] for line in gateway.log if line["message"] in told][-1:] == [WAITS])


def waits(gateway: Gateway) -> int:
    """How often it has begun to wait."""
    return len([line for line in gateway.log if line["message"] == WAITS])


def text(gateway: Gateway, n: int) -> str:
    """The configuration with another setting."""
    return yaml.safe_dump({**gateway.config, "plugins": {"noop": {"config": {"n": n}}}})


def test_every_way_to_save_a_file_is_seen(watching: Gateway) -> None:
    path = watching.folder / "config.yaml"
    path.write_text(text(watching, 1))  # in place
    reaches(watching, 2)
    fresh = watching.folder / ".config.yaml.swp"
    fresh.write_text(text(watching, 2))
    fresh.rename(path)  # renamed into place
    reaches(watching, 3)
    path.rename(watching.folder / "config.yaml~")  # the old one is moved away first, as vim does
    path.write_text(text(watching, 3))
    reaches(watching, 4)
    path.unlink()  # deleted and made anew
    path.write_text(text(watching, 4))
    reaches(watching, 5)
    assert watching.run("noop", "handle")["status"] == "succeeded"


def test_a_file_that_vanishes_is_a_mistake_and_the_old_configuration_serves(watching: Gateway) -> None:
    path = watching.folder / "config.yaml"
    away = watching.folder / "away.yaml"
    path.rename(away)
    assert "config.yaml" in str(is_refused(watching))
    assert health(watching)["generation"] == 1
    assert watching.run("noop", "handle")["status"] == "succeeded"
    away.rename(path)
    watching.until(lambda: health(watching)["last_reload_error"] is None)
    assert health(watching)["generation"] == 1


def test_a_broken_file_is_refused_until_it_is_mended(watching: Gateway) -> None:
    path = watching.folder / "config.yaml"
    path.write_text("service: [\n")
    assert "yaml" in str(is_refused(watching))
    path.write_text(text(watching, 1))
    reaches(watching, 2)


def test_what_a_broken_configuration_names_for_the_first_time_is_watched(watching: Gateway) -> None:
    watching.configure(include=["later/more.yaml"])
    assert "later/more.yaml" in str(is_refused(watching))
    more = watching.folder / "later"
    more.mkdir()
    (more / "more.yaml").write_text("service: {max_hops: 3}\n")
    reaches(watching, 2)
    (more / "more.yaml").write_text("service: {max_hops: 4}\n")
    reaches(watching, 3)


def test_plugins_come_change_and_go(watching: Gateway) -> None:
    home = watching.plugin("fresh", NOOP)
    watching.until(lambda: "fresh" in str(watching.get("/plugins")))
    assert watching.run("fresh", "handle")["status"] == "succeeded"
    manifest = home / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("1.0.0", "1.2.3"))
    watching.until(lambda: "1.2.3" in str(watching.get("/plugins")))
    (home / "run").chmod(0o644)
    watching.until(lambda: health(watching)["plugins_quarantined"])
    (home / "run").chmod(0o755)
    watching.until(lambda: not health(watching)["plugins_quarantined"])
    shutil.rmtree(home)
    watching.until(lambda: "fresh" not in str(watching.get("/plugins")))


def test_env_files_and_secret_files_are_watched(gateway: Gateway, tmp_path: Path) -> None:
    env, secret = tmp_path / "more/.env", tmp_path / "secrets/name"
    for path, body in ((env, "HOPS=3\nDUCTILE_API__MAX_BODY_SIZE=1MB\n"), (secret, "one-secret")):
        path.parent.mkdir()
        path.write_text(body)
    gateway.plugin("noop", NOOP)
    gateway.configure(
        environment_vars={"include": [str(env)]},
        service={"watch": True, "max_hops": "${HOPS}", "name": f"${{file:{secret}}}"},
    )
    (gateway.folder / "config.yaml").write_text(
        (gateway.folder / "config.yaml").read_text().replace("'${HOPS}'", "${HOPS}")
    )
    gateway.start()
    settled(gateway)
    env.write_text("HOPS=4\nDUCTILE_API__MAX_BODY_SIZE=1MB\n")
    reaches(gateway, 2)
    secret.write_text("two-secret")
    reaches(gateway, 3)
    env.write_text("HOPS=4\nDUCTILE_API__MAX_BODY_SIZE=2MB\n")
    reaches(gateway, 4)


def test_a_swapped_link_as_a_config_map_does_is_seen(gateway: Gateway) -> None:
    gateway.configure(service={"watch": True})
    mount = gateway.folder

    def publish(version: int) -> None:
        data = mount / f"..version_{version}"
        data.mkdir()
        (data / "more.yaml").write_text(f"service: {{max_hops: {version}}}\n")
        (mount / "..data_tmp").symlink_to(data.name)
        (mount / "..data_tmp").rename(mount / "..data")

    publish(1)
    (mount / "more.yaml").symlink_to("..data/more.yaml")
    gateway.configure(include=["more.yaml"])
    gateway.start()
    settled(gateway)
    publish(2)
    reaches(gateway, 2)
    publish(3)
    shutil.rmtree(mount / "..version_1")
    reaches(gateway, 3)


def test_a_folder_that_is_deleted_and_made_again_is_watched_still(gateway: Gateway, tmp_path: Path) -> None:
    outside = tmp_path / "one/two/conf"
    outside.mkdir(parents=True)
    (outside / "a.yaml").write_text("service: {max_hops: 1}\n")
    gateway.configure(include=[str(outside)], service={"watch": True})
    gateway.start()
    settled(gateway)
    shutil.rmtree(tmp_path / "one")
    assert "conf" in str(is_refused(gateway))
    outside.mkdir(parents=True)
    (outside / "b.yaml").write_text("service: {max_hops: 2}\n")
    reaches(gateway, 2)
    fresh = tmp_path / "fresh"
    (fresh / "two/conf").mkdir(parents=True)
    (fresh / "two/conf/c.yaml").write_text("service: {max_hops: 3}\n")
    (tmp_path / "one").rename(tmp_path / "old")
    fresh.rename(tmp_path / "one")
    reaches(gateway, 3)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_checkout_of_many_files_is_few_reloads(gateway: Gateway, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()

    def git(*words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *words], cwd=work, check=True, capture_output=True)

    def commit(version: int) -> None:
        for n in range(40):
            (work / f"{n}.yaml").write_text(f"x-{n}: {version}\nservice: {{max_hops: {version}}}\n")
        git("add", ".")
        git("commit", "-qm", "x")

    git("init", "-q", "-b", "first")
    commit(1)
    git("checkout", "-q", "-b", "second")
    commit(2)
    git("checkout", "-q", "first")
    gateway.configure(include=[str(work)], service={"watch": True})
    gateway.start()
    settled(gateway)
    before = len(reloads(gateway))
    git("checkout", "-q", "second")
    gateway.until(lambda: gateway.get("/healthz")["generation"] >= 2)
    git("checkout", "-q", "first")
    gateway.until(lambda: gateway.get("/healthz")["generation"] >= 3)
    assert health(gateway)["last_reload_error"] is None
    assert len(reloads(gateway)) - before <= 6


def test_what_the_gateway_and_its_plugins_write_reloads_nothing(watching: Gateway) -> None:
    watching.plugin("writer", WRITER)
    watching.until(lambda: "writer" in str(watching.get("/plugins")))
    settled(watching)
    generation, before, woken = health(watching)["generation"], len(reloads(watching)), waits(watching)
    for _ in range(10):
        assert watching.run("writer", "handle")["status"] == "succeeded"
    (watching.folder / "config.yaml").write_text(text(watching, 1))
    reaches(watching, generation + 1)
    assert len(reloads(watching)) - before <= 2
    assert waits(watching) - woken <= 2


def test_watching_is_switched_on_and_off_by_a_reload(gateway: Gateway) -> None:
    gateway.plugin("noop", NOOP)
    gateway.configure(plugins={"noop": {"config": {"n": 0}}})
    gateway.start()
    gateway.configure(service={"watch": True})
    assert gateway.post("/system/reload").body["generation"] == 2
    gateway.configure(service={"max_hops": 3})
    reaches(gateway, 3)
    gateway.configure(service={"watch": False})
    gateway.until(lambda: health(gateway)["generation"] == 4)
    gateway.configure(service={"max_hops": 4})
    gateway.plugin("later", NOOP)
    assert gateway.post("/plugin/later/handle", {}).status == 404
    assert gateway.post("/system/reload").body["generation"] == 5


def test_it_stops_at_once_while_it_watches(watching: Gateway) -> None:
    settled(watching)
    assert watching.stop() == 0
    assert not [line for line in watching.log if line["level"] in {"error", "critical", "raw"}]
