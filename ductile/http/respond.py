"""A reply becomes bytes."""

import orjson
from aiohttp import web
from multidict import CIMultiDict

from ductile.http.ask import Reply


def respond(reply: Reply, request_id: str) -> web.Response:
    """The response for a reply; bytes are JSON already."""
    headers: CIMultiDict[str] = CIMultiDict()
    headers["Server"] = "ductile"  # aiohttp would tell its version and Python's
    headers["X-Request-Id"] = request_id
    content = reply.body
    if content is None:
        body = b""
    else:
        headers["Content-Type"] = "application/json"
        body = content if isinstance(content, bytes) else orjson.dumps(content, default=str)
    headers.update(reply.headers)
    return web.Response(body=body, status=reply.status, headers=headers)
