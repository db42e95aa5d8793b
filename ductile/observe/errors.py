"""Errors of watching what happens."""

from ductile.errors import Unavailable


class TooManyWaiters(Unavailable):
    """{limit} callers wait for a result already (api.max_concurrent_sync); trigger without waiting, or try again."""

    code = "too_many_waiters"
