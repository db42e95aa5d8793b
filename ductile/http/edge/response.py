"""A reply becomes a response."""

from collections.abc import Mapping

import orjson
from aiohttp import web
from aiohttp.web import BaseRequest

from ductile.http.edge.body_parts import send_parts
from ductile.http.edge.one_write_response import OneWriteResponse, fits_one_write
from ductile.http.reply import FileReply, JsonReply, Reply, StreamReply, UpgradeReply


async def send_reply(reply: Reply, request_id: str, raw: BaseRequest) -> web.StreamResponse:
    """The response for a reply. The parts of a stream are sent already, and an upgrade has ended."""
    if isinstance(reply, JsonReply):
        response = json_response(reply, request_id, raw)
    elif isinstance(reply, FileReply):
        response = with_headers(web.FileResponse(reply.path, status=reply.status), request_id, reply.headers)
    elif isinstance(reply, UpgradeReply):
        return await reply.serve(raw)
    else:
        response = with_headers(web.StreamResponse(status=reply.status), request_id, reply.headers)
    if not raw.content.is_eof():  # an unread body: what the client sends next could be taken for a request
        response.force_close()
    if isinstance(reply, StreamReply):
        await send_parts(response, reply.parts, raw)
    return response


def json_response(reply: JsonReply, request_id: str, raw: BaseRequest | None = None) -> web.StreamResponse:
    """The response for JSON; bytes are JSON already."""
    content = reply.body
    if content is None:
        return with_headers(web.Response(status=reply.status), request_id, reply.headers)
    body = content if isinstance(content, bytes) else orjson.dumps(content, default=str)
    if raw is not None and fits_one_write(raw, reply.status, reply.headers):
        return OneWriteResponse(reply.status, body, request_id, reply.headers)
    response = web.Response(body=body, status=reply.status)
    response.headers["Content-Type"] = "application/json"
    return with_headers(response, request_id, reply.headers)


def with_headers(response: web.StreamResponse, request_id: str, headers: Mapping[str, str]) -> web.StreamResponse:
    """The response with the headers of every answer and its own."""
    response.headers["Server"] = "ductile"  # aiohttp would tell its version and Python's
    response.headers["X-Request-Id"] = request_id
    response.headers.update(headers)
    return response
