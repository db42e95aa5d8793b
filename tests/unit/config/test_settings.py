from collections.abc import Mapping
from pathlib import Path

from ductile.config.load import load_layers
from ductile.config.settings import Setting, effective_settings, settings_below

FILES = """
service: {max_hops: 7}
api: {listen: ["127.0.0.1:1"], auth: {tokens: [{token: x, scopes: []}]}}
plugins:
  worker: {config: {a: {b: 1}, none: }, schedules: [{every: 5m}]}
  idle:
routes: [{from: worker, event_type: x, to: worker}]
"""


def settings(root: Path, text: str = FILES, environ: Mapping[str, str] | None = None) -> list[Setting]:
    (root / "config.yaml").write_text(text)
    return effective_settings(load_layers(root / "config.yaml", environ or {}))


def shown(found: list[Setting]) -> dict[str, tuple[object, str]]:
    return {".".join(str(part) for part in one.path): (one.value, one.source) for one in found}


def test_what_is_written_says_where(tmp_path: Path) -> None:
    found = shown(settings(tmp_path))
    assert found["service.max_hops"] == (7, "config.yaml:2:21")
    assert found["api.listen.0"] == ("127.0.0.1:1", "config.yaml:3:16")
    assert found["api.auth.tokens.0.scopes"] == ([], "config.yaml:3:67")
    assert found["plugins.worker.config.a.b"] == (1, "config.yaml:5:28")
    assert found["plugins.worker.config.none"] == (None, "config.yaml:5:38")
    assert found["routes.0.from"] == ("worker", "config.yaml:7:17")


def test_what_a_variable_sets_names_it(tmp_path: Path) -> None:
    found = shown(settings(tmp_path, environ={"DUCTILE_SERVICE__MAX_HOPS": "9", "DUCTILE_API__MAX_BODY_SIZE": "2MB"}))
    assert found["service.max_hops"] == (9, "environment:DUCTILE_SERVICE__MAX_HOPS")
    assert found["api.max_body_size"] == ("2MB", "environment:DUCTILE_API__MAX_BODY_SIZE")


def test_a_default_is_shown_as_one_would_write_it(tmp_path: Path) -> None:
    found = shown(settings(tmp_path))
    assert found["service.dedupe_ttl"] == ("1d", "default")
    assert found["api.max_sync_timeout"] == ("5m", "default")
    assert found["plugins.idle.enabled"] == (True, "default")
    assert found["plugins.idle.retry.backoff_base"] == ("30s", "default")
    assert found["plugins.worker.schedules.0.command"] == ("poll", "default")
    assert "plugins.idle.timeout" not in found
    assert "api.management_socket" not in found


def test_a_section_that_is_not_there_has_no_settings(tmp_path: Path) -> None:
    assert not any(
        name.startswith(("api", "plugins")) for name in shown(settings(tmp_path, "service: {}")) if "." in name
    )


def test_the_default_of_every_setting_means_what_it_says(tmp_path: Path) -> None:
    """A file made of all that is shown gives the same settings."""
    (tmp_path / "config.yaml").write_text("")
    first = load_layers(tmp_path / "config.yaml", {"DUCTILE_SERVICE__MAX_WORKERS": "3"})
    for one in settings_below(effective_settings(first), ("service",)):
        name = "DUCTILE_" + "__".join(str(part).upper() for part in one.path)
        value = str(one.value).lower() if isinstance(one.value, bool | list) else str(one.value)
        again = load_layers(tmp_path / "config.yaml", {name: value})
        [same] = settings_below(effective_settings(again), one.path)
        assert (same.value, same.source) == (one.value, f"environment:{name}")
