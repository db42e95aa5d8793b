"""A reply becomes bytes."""

import orjson
from aiohttp import web
from aiohttp.web import BaseRequest

from ductile.http.edge.one_write_response import OneWriteResponse, fits_one_write
from ductile.http.reply import Reply


def build_response(reply: Reply, request_id: str, raw: BaseRequest | None = None) -> web.StreamResponse:
    """The response for a reply; bytes are JSON already. Where it has parts, they are still to be sent."""
    content = reply.body
    if (
        content is not None
        and raw is not None
        and reply.parts is None
        and fits_one_write(raw, reply.status, reply.headers)
    ):
        body = content if isinstance(content, bytes) else orjson.dumps(content, default=str)
        return OneWriteResponse(reply.status, body, request_id, reply.headers)
    response: web.StreamResponse
    if reply.parts is not None:
        response = web.StreamResponse(status=reply.status)
    elif content is None:
        response = web.Response(status=reply.status)
    else:
        body = content if isinstance(content, bytes) else orjson.dumps(content, default=str)
        response = web.Response(body=body, status=reply.status)
        response.headers["Content-Type"] = "application/json"
    response.headers["Server"] = "ductile"  # aiohttp would tell its version and Python's
    response.headers["X-Request-Id"] = request_id
    if reply.headers:
        response.headers.update(reply.headers)
    return response
