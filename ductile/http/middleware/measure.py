"""Measures every request from its head to the begin of its answer."""

from ductile.http.ask import Ask, Reply


def measure(ask: Ask, reply: Reply, seconds: float) -> None:
    """Count the request by the row that answered it: what a client writes into a path names no metric."""
    ask.gateway.metrics.answered(ask.route, ask.method, reply.status, seconds)
