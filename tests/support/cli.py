"""A gateway that answers what a test says, in place of the client that the command line uses."""

from collections.abc import Mapping
from typing import Any, Self

from ductile.client.errors import REFUSED_BY_STATUS, Refused


class FakeGateway:
    """Answers by method name; a function says what now, a `(status, envelope)` is refused as the gateway would."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...], Mapping[str, Any]]] = []
        self.url: str | None = None
        self.token: str | None = None

    def blocking(self, url: str, token: str | None, *_: object) -> "FakeClient":
        """In place of `Client.blocking`."""
        return self(url, token)

    def __call__(self, url: str, token: str | None, traces: object = ()) -> "FakeClient":
        """In place of `Client`."""
        del traces
        self.url, self.token = url, token
        return FakeClient(self)


class FakeClient:
    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any, **named: Any) -> Any:
            self._gateway.calls.append((name, given, named))
            answer = self._gateway.answers[name]
            if callable(answer):
                answer = answer(*given, **named)
            if callable(answer):
                answer = answer()
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, tuple):
                status, envelope = answer
                raise REFUSED_BY_STATUS.get(status, Refused)(envelope=envelope, http_status=status)
            return answer

        return call
