"""Finds the gateway and the token of a command, and calls the gateway."""

import os
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from ductile.cli.core.errors import ConfigurationBroken, UsageError
from ductile.client import Client
from ductile.client.answer import CALL_TIMEOUT_SECONDS, UNIX_PREFIX
from ductile.client.blocking_transport import is_plain_url, result_of
from ductile.client.errors import ClientError
from ductile.config.errors import ConfigNotFound
from ductile.config.gateway_access import GatewayAccess, read_access
from ductile.config.location import DEFAULT_STATE, find_config
from ductile.model.principal import ALL_SCOPES

if TYPE_CHECKING:  # pydantic and the models take longer to import than most commands to run
    from ductile.config.schema.api import ApiSection
    from ductile.config.schema.configuration import Configuration

WILDCARD_HOSTS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}  # noqa: S104 - recognized, not bound to
"""What a gateway on all interfaces listens at → where it is reached from here."""
LISTEN_SETTING = ("api", "listen")
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


class Target(Struct, frozen=True, kw_only=True):
    """An address and a credential, where there is one."""

    url: str
    token: str | None
    state: Path | None = None
    """The database of the configuration, where one was read."""
    url_of_files: bool = False
    token_of_files: bool = False


def call_gateway(
    work: Callable[[Client], Coroutine[Any, Any, Any]],
    target: Target,
    tell: Callable[[str], None],
    *,
    loop: bool = False,
    limit: float = CALL_TIMEOUT_SECONDS,
) -> Any:
    """Run some calls of one gateway; `tell` gets a sentence about each.

    `loop` is for work that waits or streams: it runs in an event loop, and each call is cancelled with it. Other work
    blocks, each call for at most `limit` seconds.
    """
    try:
        if loop or not is_plain_url(target.url):
            return call_in_loop(work, target, tell)
        return result_of(work(Client.blocking(target.url, target.token, tell, limit)))
    except ClientError as error:
        from ductile.cli.core.gateway.mismatch import explain_error  # only where a call failed

        better = explain_error(error, target)
        if better is error:
            raise
        raise better from error
    except ValueError as error:
        raise UsageError(reason=f"{target.url} is no address of a gateway, or the token is none: {error}") from None


def call_in_loop(
    work: Callable[[Client], Coroutine[Any, Any, Any]], target: Target, tell: Callable[[str], None]
) -> Any:
    """Run the calls in an event loop."""
    import asyncio  # takes longer to import than a plain call to run

    from ductile.cli.core.gateway.http_trace import trace_config  # imports aiohttp

    async def connect_and_work() -> Any:
        async with Client(target.url, target.token, [trace_config(tell)]) as client:
            return await work(client)

    return asyncio.run(connect_and_work())


def find_target(
    url: str | None, token: str | None, config: str | None, environ: Mapping[str, str] = os.environ
) -> Target:
    """The options, else `DUCTILE_URL`, `DUCTILE_TOKEN`, else the configuration.

    Raises ConfigNotFound, ConfigurationBroken, UsageError.
    """
    url, token = url or environ.get("DUCTILE_URL"), token or environ.get("DUCTILE_TOKEN")
    if url and not url.startswith(("http://", "https://", UNIX_PREFIX)):
        raise UsageError(reason=f"{url} is no address of a gateway; write http://host:port or unix:/path")
    if url and (token or not is_local(url)):
        return Target(url=url, token=token)  # the configuration's token goes to this machine's gateway only
    try:
        access = read_access(find_config(config, environ), environ) or access_from_settings(config, environ, url)
    except (ConfigNotFound, ConfigurationBroken):
        if url is None:
            raise
        return Target(url=url, token=token)
    return Target(
        url=url or url_of_listen(access.listen),
        token=token or access.token,
        state=access.state,
        url_of_files=url is None,
        token_of_files=token is None,
    )


def access_from_settings(config: str | None, environ: Mapping[str, str], url: str | None) -> GatewayAccess:
    """Address and token from the whole configuration. Raises as `find_target`."""
    from ductile.config.schema.api import ApiSection  # pydantic

    configuration, state = read_configuration(config, environ)
    api = configuration.api or ApiSection(enabled=False)
    if not (api.enabled or url):
        raise UsageError(
            reason="the configuration has no enabled `api:` section, so its gateway cannot be called; use --url"
        )
    return GatewayAccess(listen=api.listen[0], token=full_access_token(api), state=state)


def is_local(url: str) -> bool:
    """Whether the address is this machine's."""
    return url.startswith(UNIX_PREFIX) or urlsplit(url).hostname in LOCAL_HOSTS


def read_configuration(config: str | None, environ: Mapping[str, str]) -> "tuple[Configuration, Path]":
    """The configuration and its database, as far as it can be read: a gateway may run on with files broken by now.

    Raises ConfigurationBroken where errors keep the address from being known.
    """
    from ductile.cli.core.config_layers import read_layers
    from ductile.cli.core.config_problems import errors_at, raise_if_any, unreadable_file_errors  # pydantic
    from ductile.config.validation import validate

    location = find_config(config, environ)
    layers = read_layers(location, environ)
    configuration, problems = validate(layers)
    all_problems = [*layers.problems, *problems]
    raise_if_any(location, errors_at(all_problems, LISTEN_SETTING))
    if configuration.api is None:
        raise_if_any(location, unreadable_file_errors(all_problems))
    return configuration, Path(configuration.state.path or layers.root / DEFAULT_STATE)


def url_of_listen(first: str) -> str:
    """The URL of the first `api.listen`. Raises UsageError."""
    if first.startswith(UNIX_PREFIX):
        return first
    if first.endswith(":0"):
        raise UsageError(reason="`api.listen` leaves the port open; say with --url where the gateway listens")
    return f"http://{reachable_address(first)}"


def reachable_address(listen: str) -> str:
    """The `host:port` by which this machine reaches a gateway that listens there."""
    host, _, port = listen.rpartition(":")
    return f"{WILDCARD_HOSTS.get(host, host)}:{port}"


def full_access_token(api: "ApiSection") -> str | None:
    """The first token with the scope `*`."""
    return next((token.token for token in api.auth.tokens if token and ALL_SCOPES in token.scopes), None)
