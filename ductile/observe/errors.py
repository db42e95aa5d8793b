"""Errors of waiting for jobs and of following events."""

from ductile.errors import DuctileError, Unavailable


class TooManyWaiters(Unavailable):
    """{limit} callers wait for a result already (api.max_concurrent_sync); trigger without waiting, or try again."""

    code = "too_many_waiters"


class TooManyWaits(DuctileError):
    """{limit} calls of {principal} wait for a result already (api.max_waits_per_principal); trigger without waiting."""

    code = "too_many_waits"
    status = 429
    retry_after = 1


class TooManyStreams(DuctileError):
    """{limit} clients of {principal} follow the events already (api.max_streams_per_principal); close one of them."""

    code = "too_many_streams"
    status = 429
    retry_after = 10


class TooManyFollowers(Unavailable):
    """{limit} clients follow the events already; close one of them, or try again later."""

    code = "too_many_followers"
    retry_after = 10


class NoMoreEvents(Unavailable):
    """The gateway is stopping; follow the events again, with the last id, once it is back."""

    code = "stopping"
    retry_after = 5
