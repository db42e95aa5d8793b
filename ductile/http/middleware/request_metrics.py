"""Measures every request from its head to the begin of its answer."""

from ductile.http.reply import Reply
from ductile.http.request import Request


def count_request(request: Request, reply: Reply, seconds: float) -> None:
    """Count the request by the row that answered it: what a client writes into a path names no metric."""
    request.gateway.metrics.count_request(request.route, request.method, reply.status, seconds)
