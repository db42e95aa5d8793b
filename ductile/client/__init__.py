"""The client of a gateway: everything that the gateway's API does, as calls of an async object."""

from ductile.client.answer import UNIX_PREFIX, Answer
from ductile.client.client import Client
from ductile.client.errors import AuthFailed, ClientError, Foreign, NotFoundError, Refused, Unreachable

__all__ = [
    "UNIX_PREFIX",
    "Answer",
    "AuthFailed",
    "Client",
    "ClientError",
    "Foreign",
    "NotFoundError",
    "Refused",
    "Unreachable",
]
