"""The documentation of the API as a page that lists, explains and tries its operations, without any other host."""

import asyncio
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from blake3 import blake3

from ductile.http.document_cache import Representation
from ductile.http.etag import ETAG_HEADERS, conditional_reply
from ductile.http.reply import Reply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.model.route import Route

HTML = "text/html"
_STATIC = files("ductile.http") / "static"


@lru_cache(maxsize=1)
def build_page() -> tuple[Representation, str]:
    """The page, and the policy that lets it run what stands in it, look at this gateway, and nothing else."""
    style = read_static("swagger-ui/swagger-ui.css")
    # In a page, `<!--` would make what a later `<script` says part of this one; in a regular expression `\!` is `!`.
    bundle = read_static("swagger-ui/swagger-ui-bundle.js").replace("<!--", "<\\!--")
    start = read_static("docs.js")
    html = read_static("docs.html")
    for place, text in (("{start}", start), ("{bundle}", bundle), ("{style}", style)):  # the last one first
        before, _, after = html.partition(place)
        html = before + text + after
    body = html.encode()
    document = Representation(body=body, media=HTML, etag=f'"{blake3(body).hexdigest()[:32]}"')
    policy = (
        "default-src 'none'",
        f"script-src {page_source(bundle)} {page_source(start)}",
        f"style-src {page_source(style)}",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return document, "; ".join(policy)


def read_static(name: str) -> str:
    """A file that ships with the package."""
    return _STATIC.joinpath(name).read_text("utf-8")


def page_source(text: str) -> str:
    """What names a script or a style by its content in a Content-Security-Policy."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


async def get_docs(request: Request) -> Reply:
    """The page. It is no part of the snapshot, and nothing in it is anybody's secret."""
    document, policy = await asyncio.to_thread(build_page)
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return conditional_reply(request, document, **headers)


ROUTES = [
    Route(
        method="GET",
        path="/docs",
        handler=get_docs,
        summary="This API as a page, to read and to try",
        description="It loads nothing from elsewhere. A token that is typed in there is sent to this gateway alone.",
        scopes=None,
        tags=("discovery",),
        responses={200: schemas.STRING, 304: None},
        media=(HTML,),
        headers=ETAG_HEADERS,
    ),
]
