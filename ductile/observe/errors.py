"""Errors of watching what happens."""

from ductile.errors import Unavailable


class TooManyWaiters(Unavailable):
    """{limit} callers wait for a result already (api.max_concurrent_sync); trigger without waiting, or try again."""

    code = "too_many_waiters"


class TooManyFollowers(Unavailable):
    """{limit} clients follow the events already; close one of them, or try again later."""

    code = "too_many_followers"
    retry_after = 10


class NoMoreEvents(Unavailable):
    """The gateway is stopping; follow the events again, with the last id, once it is back."""

    code = "stopping"
    retry_after = 5
