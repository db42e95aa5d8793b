"""Which gateway a command talks to, and as whom."""

from pathlib import Path

import pytest
import yaml

from ductile.cli.core.errors import UsageError
from ductile.cli.core.gateway.target import Target, find_target
from ductile.config.errors import ConfigNotFound

TOKENS = [{"token": "reader-token", "scopes": ["jobs:ro"]}, {"token": "admin-token", "scopes": ["*"]}]


def folder(path: Path, listen: object = "127.0.0.1:9", tokens: object = TOKENS) -> str:
    (path / "config.yaml").write_text(yaml.safe_dump({"api": {"listen": listen, "auth": {"tokens": tokens}}}))
    return str(path)


def test_options_go_before_the_environment_and_that_before_the_configuration(tmp_path: Path) -> None:
    config = folder(tmp_path)
    environ = {"DUCTILE_URL": "http://env", "DUCTILE_TOKEN": "env", "DUCTILE_CONFIG_DIR": config}
    assert find_target("http://opt", "opt", None, environ) == Target(url="http://opt", token="opt")
    assert find_target(None, None, None, environ) == Target(url="http://env", token="env")
    del environ["DUCTILE_URL"], environ["DUCTILE_TOKEN"]
    assert find_target(None, None, None, environ) == Target(
        url="http://127.0.0.1:9",
        token="admin-token",
        state=tmp_path / "data/state.db",
        url_of_files=True,
        token_of_files=True,
    )


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://[::1]:80"),
        ("example.org:80", "http://example.org:80"),
        ("unix:/run/ductile.sock", "unix:/run/ductile.sock"),
        (["127.0.0.1:5", "unix:/x"], "http://127.0.0.1:5"),
    ],
)
def test_the_first_listen_address_is_where_the_gateway_is_reached(tmp_path: Path, listen: object, url: str) -> None:
    assert find_target(None, None, folder(tmp_path, listen), {}).url == url


def test_a_token_of_the_configuration_never_goes_to_another_machine(tmp_path: Path) -> None:
    config = folder(tmp_path)
    assert find_target("http://elsewhere.example", None, config, {}).token is None
    assert find_target("http://127.0.0.1:1", None, config, {}).token == "admin-token"


def test_without_a_full_token_there_is_none(tmp_path: Path) -> None:
    assert find_target(None, None, folder(tmp_path, tokens=TOKENS[:1]), {}).token is None


def test_an_open_port_or_no_api_asks_for_the_url(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--url"):
        find_target(None, None, folder(tmp_path, "127.0.0.1:0"), {})
    (tmp_path / "config.yaml").write_text("service: {}\n")
    with pytest.raises(UsageError, match="--url"):
        find_target(None, None, str(tmp_path), {})


@pytest.mark.parametrize("url", ["banana", "127.0.0.1:8080", "ftp://host", "/run/d.sock", "localhost:8080/x"])
def test_what_is_no_address_is_told_how_one_is_written(tmp_path: Path, url: str) -> None:
    for option, environ in ((url, {}), (None, {"DUCTILE_URL": url})):
        with pytest.raises(UsageError, match=r"http://host:port or unix:/path"):
            find_target(option, "token", str(tmp_path), environ)


def test_no_configuration_matters_only_where_the_address_is_looked_for(tmp_path: Path) -> None:
    environ = {"DUCTILE_CONFIG_DIR": str(tmp_path)}
    with pytest.raises(ConfigNotFound):
        find_target(None, None, None, environ)
    assert find_target("http://127.0.0.1:1", None, None, environ) == Target(url="http://127.0.0.1:1", token=None)
