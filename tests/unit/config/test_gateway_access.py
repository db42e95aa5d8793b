"""The quick reading of a configuration says what the whole one says, or nothing."""

from contextlib import suppress
from pathlib import Path

import pytest

from ductile.cli.core.errors import ConfigurationBroken, UsageError
from ductile.cli.core.gateway.target import access_from_settings
from ductile.config.gateway_access import GatewayAccess, read_access
from ductile.config.location import find_config

ENVIRON = {"PORT": "8099", "TOKEN": "012345678901", "OTHER": "other-token"}
ADMIN = 'auth: {tokens: [{token: reader, scopes: ["jobs:ro"]}, {name: a, token: "${TOKEN}", scopes: ["*"]}]}'


def write(folder: Path, text: str, more: str = "") -> Path:
    (folder / "config.yaml").write_text(f"include: [more.yaml]\nenvironment_vars: {{include: [.env]}}\n{text}\n")
    (folder / "more.yaml").write_text(f"{more or 'service: {name: x}'}\n")
    (folder / ".env").write_text("SECRET=from-the-file\nOTHER=loses\n")
    (folder / "token.txt").write_text("token-of-a-file\n")
    return folder / "config.yaml"


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (f"api: {{{ADMIN}}}", ""),
        (f'api: {{listen: "127.0.0.1:${{PORT}}", {ADMIN}}}', ""),
        (f"api: {{listen: [unix:./api.sock, 0.0.0.0:80], {ADMIN}}}\nstate: {{path: ~/x.db}}", ""),
        ("api: {listen: ':9', auth: {tokens: [{token: '${SECRET}', scopes: ['*', 'job:rw']}]}}", ""),
        ("api: {enabled: true, auth: {tokens: [{token: '${OTHER}', scopes: ['*']}]}}", "state: {path: data/y.db}"),
        ("api: {auth: {tokens: [{token: '${file:token.txt}', scopes: ['*']}]}}", ""),
        ("api: {auth: {tokens: [{token: reader, scopes: []}]}}", f"api: {{listen: '127.0.0.1:1', {ADMIN}}}"),
        ("api: {listen: ['127.0.0.1:1'], auth: }", f"api: {{listen: ['127.0.0.1:2'], {ADMIN}}}"),
        ("api: {auth: {tokens: }}\nplugins: {p: {nonsense: 1}}", ""),
        (f"api: {{{ADMIN}, nonsense: 5}}\nplugins: {{p: {{config: {{x: '${{MISSING}}'}}}}}}", ""),
    ],
)
def test_it_says_what_the_whole_configuration_says(tmp_path: Path, text: str, more: str) -> None:
    location = write(tmp_path, text, more)
    found = read_access(location, ENVIRON)
    assert found is not None
    assert found == access_from_settings(str(tmp_path), ENVIRON, None)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("service: {name: x}", ""),
        ("api:", ""),
        ("api: {enabled: false}", ""),
        ("api: {enabled: 'yes'}", ""),
        ("api: {listen: 8080}", ""),
        ("api: {listen: []}", ""),
        ("api: {listen: ['127.0.0.1:1', '127.0.0.1:1']}", ""),
        ("api: {listen: '127.0.0.1:99999'}", ""),
        ("api: {listen: '127.0.0.1:${MISSING}'}", ""),
        ("api: {auth: {tokens: [{token: 5, scopes: ['*']}]}}", ""),
        ("api: {auth: {tokens: [{token: abc, scopes: '*'}]}}", ""),
        ("api: {auth: {tokens: [5]}}", ""),
        ("api: {auth: [5]}", ""),
        ("api: {}\ndatabase: {path: old.db}", ""),
        ("api: {}\nstate: {path: 5}", ""),
        ("api: {}", "api: {listen: [}"),
        ("api: {}\n  x: 1", ""),
    ],
)
def test_what_is_not_written_as_usual_is_left_to_the_whole_reading(tmp_path: Path, text: str, more: str) -> None:
    location = write(tmp_path, text, more)
    assert read_access(location, ENVIRON) is None
    with suppress(ConfigurationBroken, UsageError):  # it says what is wrong
        assert isinstance(access_from_settings(str(tmp_path), ENVIRON, None), GatewayAccess)


def test_settings_of_the_environment_are_left_to_the_whole_reading(tmp_path: Path) -> None:
    write(tmp_path, f"api: {{{ADMIN}}}")
    environ = {**ENVIRON, "DUCTILE_API__LISTEN": "127.0.0.1:7"}
    assert read_access(find_config(str(tmp_path), environ), environ) is None
    assert access_from_settings(str(tmp_path), environ, None).listen == "127.0.0.1:7"
