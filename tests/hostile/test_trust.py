"""A plugin that somebody else could change does not run, wherever on its path that somebody may write."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Gateway

NOOP = """#!/bin/sh
cat > /dev/null
echo '{"status": "ok", "result": "ran"}'
"""
STRANGER = 4711


def opened(mode: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(mode)


def given(path: Path) -> None:
    os.chown(path, STRANGER, -1)


ATTACKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "root": ("shelf/plugins", opened(0o777)),
    "sticky root": ("shelf/plugins", opened(0o1777)),
    "above the root": ("shelf", opened(0o777)),
    "group folder": ("shelf/plugins/group", opened(0o777)),
    "folder": ("shelf/plugins/group/noop", opened(0o777)),
    "manifest": ("shelf/plugins/group/noop/manifest.yaml", opened(0o666)),
    "entrypoint": ("shelf/plugins/group/noop/run", opened(0o777)),
    "another's root": ("shelf/plugins", given),
    "another's folder above": ("shelf", given),
    "another's manifest": ("shelf/plugins/group/noop/manifest.yaml", given),
    "another's entrypoint": ("shelf/plugins/group/noop/run", given),
}


def prepared(gateway: Gateway) -> Gateway:
    """The plugin `noop` at shelf/plugins/group/noop, and one at home that nobody touches."""
    gateway.plugin("home", NOOP)
    gateway.plugins, home = gateway.folder / "shelf/plugins/group", gateway.plugins
    gateway.plugin("noop", NOOP)
    gateway.plugins = home
    gateway.configure(plugin_roots=["./plugins", "./shelf/plugins"])
    return gateway.start()


def quarantined(gateway: Gateway) -> dict[str, Any]:
    return {one["name"]: one["reason"] for one in gateway.get("/healthz")["plugins_quarantined"]}


def test_a_path_that_others_can_change_is_refused_until_it_is_mended(gateway: Gateway) -> None:
    prepared(gateway)
    assert gateway.run("noop", "handle")["status"] == "succeeded"
    for name, (where, attack) in ATTACKS.items():
        if attack is given and os.geteuid() != 0:
            continue
        path = gateway.folder / where
        before = path.stat()
        attack(path)
        # Modes and owners are no part of the hash of a configuration; what runs is.
        assert gateway.post("/system/reload").status == 200, name
        reason = quarantined(gateway).get("noop", "")
        assert str(path) in reason, (name, reason)
        assert ("chown" if attack is given else "chmod o-w") in reason, (name, reason)
        assert gateway.post("/plugin/noop/handle", {}).status == 503, name
        assert gateway.run("home", "handle")["status"] == "succeeded", name
        os.chown(path, before.st_uid, before.st_gid)
        path.chmod(before.st_mode)
        assert gateway.post("/system/reload").status == 200, name
        assert quarantined(gateway) == {}, name
    assert gateway.run("noop", "handle")["status"] == "succeeded"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_owners_that_are_trusted_by_name_may_own_plugins(gateway: Gateway) -> None:
    prepared(gateway)
    given(gateway.folder / "shelf/plugins")
    gateway.configure(service={"trusted_owners": [STRANGER]})
    assert gateway.post("/system/reload").status == 200
    assert quarantined(gateway) == {}
    gateway.configure(service={"trusted_owners": ["no-such-user"]})
    answer = gateway.post("/system/reload")
    assert (answer.status, answer.body["details"]["errors"][0]["path"]) == (422, "service.trusted_owners.0")
