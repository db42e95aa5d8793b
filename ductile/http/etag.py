"""Documents that a client may keep: sent with their entity tag, or not at all where the client has them (304)."""

from collections.abc import Mapping

from ductile.http.document_cache import Representation, matches_etag
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request

ETAG_HEADERS: Mapping[str, str] = {"ETag": "Names this very document; send it back in `If-None-Match`."}
"""What the rows of such documents say of their answers."""


def conditional_reply(request: Request, document: Representation, **headers: str) -> Reply:
    """200 with the document, or 304 where `If-None-Match` names it. A kept one is asked for again before each use."""
    private = request.route is not None and request.route.scopes is not None
    told = {"ETag": document.etag, "Cache-Control": "private, no-cache" if private else "no-cache", **headers}
    if matches_etag(document.etag, request.raw.headers.getall("If-None-Match", ())):
        return JsonReply(status=304, headers=told)
    return JsonReply(body=document.body, headers={**told, "Content-Type": content_type(document.media)})


def content_type(media: str) -> str:
    """JSON is UTF-8 by its standard; other text says so."""
    return f"{media}; charset=utf-8" if media.startswith("text/") else media
