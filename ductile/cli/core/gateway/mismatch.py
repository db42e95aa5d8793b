"""Differences between the files and the running gateway, which explain a failed connection or a 401."""

from pathlib import Path

from ductile.cli.core.gateway.process import lock_holder
from ductile.cli.core.gateway.target import Target, reachable_address
from ductile.client import UNIX_PREFIX, AuthFailed, ClientError, Unreachable
from ductile.store.installation.running_gateway import RunningGateway, read_running

UNAUTHORIZED_STATUS = 401
_HTTP_SCHEME = "http://"


class ListensElsewhere(Unreachable):
    """The files say that the gateway listens at {url}, but the one that runs (process {pid}) listens at {actual}.
    Call it there with --url {actual}. A changed `api.listen` needs a restart: `ductile system stop --url {actual}`, and
    then start it.
    """  # noqa: D205 - one message

    code = "listens_elsewhere"


class OtherTokens(AuthFailed):
    """The files and the running gateway have other tokens: {message}."""

    code = "other_tokens"


def _other_tokens(error: AuthFailed, url: str, pid: str | None) -> OtherTokens:
    refusal = "does not know the token that stands in the files"
    if error.http_status != UNAUTHORIZED_STATUS:
        refusal = "gives fewer scopes to the token that stands in the files"
    if pid is None:
        advice = "No gateway of this configuration runs, so that one belongs to another; start yours at another address"
    else:
        advice = (
            "Give the token that it accepts with --token or $DUCTILE_TOKEN, or let it read the files: "
            f"`kill -HUP {pid}`"
        )
    envelope = {**error.envelope, "error": OtherTokens.code, "message": f"the one at {url} {refusal}. {advice}"}
    return OtherTokens(envelope=envelope, http_status=error.http_status)


def explain_error(error: ClientError, target: Target) -> ClientError:
    """The error, or a better error where the files differ from the running gateway."""
    if target.state is None or not isinstance(error, Unreachable | AuthFailed):
        return error
    pid = lock_holder(target.state.with_name(f"{target.state.name}.lock"))
    running = gateway_of_process(target.state, pid)
    if target.url_of_files and running is not None and running.urls:
        addresses = [_reachable_url(url) for url in running.urls]
        if target.url not in addresses:
            return ListensElsewhere(url=target.url, pid=running.pid, actual=addresses[0])
    if target.token_of_files and isinstance(error, AuthFailed):
        return _other_tokens(error, target.url, pid)
    return error


def gateway_of_process(state: Path, pid: str | None) -> RunningGateway | None:
    """The record of the gateway that holds this state."""
    running = read_running(state)
    return running if running is not None and str(running.pid) == pid else None


def _reachable_url(url: str) -> str:
    return url if url.startswith(UNIX_PREFIX) else f"{_HTTP_SCHEME}{reachable_address(url.removeprefix(_HTTP_SCHEME))}"
