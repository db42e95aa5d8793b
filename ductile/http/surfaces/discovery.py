"""Says what the gateway can do, to people and to agents."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ductile import __version__
from ductile.describe.catalog import catalog, plugin_document
from ductile.describe.openapi import openapi, plugin_openapi
from ductile.describe.skill_index import search_page, search_skills, skill_document, skill_index, skill_section
from ductile.describe.skills import skills
from ductile.document.problem import did_you_mean
from ductile.errors import BadRequest, NotFound
from ductile.http.content_negotiation import preferred_media
from ductile.http.document_cache import JSON_MEDIA, build_representation, encode_representation
from ductile.http.etag import ETAG_HEADERS, conditional_reply
from ductile.http.middleware.authorize import require
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces import schemas
from ductile.http.surfaces.error_examples import ERROR_EXAMPLES
from ductile.model.route import Parameter, Route
from ductile.model.snapshot import Snapshot
from ductile.submit import find_plugin

MARKDOWN = "text/markdown"
TAGS = ("discovery",)
FORMATS = {"json": JSON_MEDIA, "markdown": MARKDOWN}
FORMAT = Parameter(
    name="format",
    schema={"type": "string", "enum": list(FORMATS)},
    description="The form of the answer; it wins over the header `Accept`.",
)
QUERY = Parameter(
    name="q",
    schema={"type": "string"},
    description="Words that a skill's name, description or event must have, all of them, in any case.",
)


async def get_index(request: Request) -> Reply:
    """Where to start."""
    gateway, link = request.gateway, request.snapshot.api.link
    return JsonReply(
        body={
            "name": "Ductile Gateway",
            "description": "Turns executables into dependable services, behind one durable queue.",
            "uptime_seconds": (gateway.clock() - gateway.started_at) // 1000,
            "agents": {
                "skills": link("/skills?format=markdown"),
                "find": link("/skills?q=WORDS&format=markdown"),
                "read": link("/skills/NAME?format=markdown"),
                "authenticate": "Send `Authorization: Bearer <token>` with every call; discovery needs none.",
                "call": 'POST {"payload": {…}} to the endpoint of the skill, with the header `Prefer: wait=30`.',
                "follow": f"202 means that the job goes on: GET {link('/job/JOB_ID')}?wait=30 until it has ended.",
                "result": "succeeded: the answer is `result.result`. Any other end: `last_error` says why.",
            },
            "discovery": {
                "health": link("/healthz"),
                "skills": link("/skills"),
                "plugins": link("/plugins"),
                "openapi": link("/openapi.json"),
                "ai_plugin": link("/.well-known/ai-plugin.json"),
            },
        },
        headers={"Link": f'<{link("/docs")}>; rel="service-doc", <{link("/openapi.json")}>; rel="service-desc"'},
    )


AI_PLUGIN: Mapping[str, Any] = {
    "schema_version": "v1",
    "name_for_human": "Ductile Gateway",
    "name_for_model": "ductile",
    "description_for_human": "Integration gateway for triggering plugins and pipelines.",
    "description_for_model": (
        "Discover and invoke plugins and pipelines. GET /skills with `Accept: text/markdown` explains how to call, "
        "wait, follow a job and read an error, and lists every skill. GET /openapi.json has the full specification, "
        "/plugin/{name}/openapi.json that of one plugin. Invoke a command with POST /plugin/{name}/{command}, "
        "a pipeline with POST /pipeline/{name}."
    ),
    "auth": {"type": "bearer"},
    "api": {"type": "openapi", "url": "/openapi.json"},
}
"""Points agents at the OpenAPI document."""


def openapi_of(snapshot: Snapshot) -> object:
    """The OpenAPI document of a snapshot, under this version's number."""
    return openapi(snapshot, __version__, ERROR_EXAMPLES)


def plugin_openapi_of(snapshot: Snapshot, name: str) -> object:
    """The same of one plugin."""
    return plugin_openapi(snapshot, name, __version__, ERROR_EXAMPLES)


def plugin_of(snapshot: Snapshot, name: str) -> object:
    """One plugin and its commands."""
    return plugin_document(snapshot.plugins[name])


async def get_plugins(request: Request) -> Reply:
    """Plugins and the names of their commands."""
    return conditional_reply(request, await request.gateway.documents.get(request.snapshot, catalog))


async def get_plugin(request: Request) -> Reply:
    """One plugin and its commands, to who may run its READ commands."""
    plugin = find_plugin(request.snapshot, request.path["name"])
    require(request, "plugin:ro", f"plugin:{plugin.name}:ro")
    return conditional_reply(request, await request.gateway.documents.get(request.snapshot, plugin_of, plugin.name))


async def get_skills(request: Request) -> Reply:
    """Plugin commands and pipelines in one list, as JSON or as a page; all of them, or those with the words of `q`."""
    media, query = requested_media(request), request.query.get("q")
    if query is None:
        build = skill_index if media == MARKDOWN else skills
        document = await request.gateway.documents.get(request.snapshot, build, media=media)
    else:
        search = search_page if media == MARKDOWN else search_skills
        document = await asyncio.to_thread(
            build_representation, request.snapshot, search, (query,), media
        )  # too many queries to keep
    return conditional_reply(request, document, Vary="Accept")


async def get_skill(request: Request) -> Reply:
    """One skill, as JSON or as a page. Raises UnknownSkill."""
    name, media = request.path["name"], requested_media(request)
    build = skill_section if media == MARKDOWN else skill_document
    try:
        document = await request.gateway.documents.get(request.snapshot, build, name, media=media)
    except KeyError:
        known = [skill["name"] for skill in skills(request.snapshot)["skills"]]
        raise UnknownSkill(skill=name, hint=did_you_mean(name, known)) from None
    return conditional_reply(request, document, Vary="Accept")


def requested_media(request: Request) -> str:
    """The media type of the answer: as `format` says, else as `Accept` prefers. Raises BadRequest."""
    name = request.query.get("format")
    if name is None:
        return preferred_media(request.raw.headers.getall("Accept", ()), (JSON_MEDIA, MARKDOWN))
    if name not in FORMATS:
        hint = did_you_mean(name, FORMATS)
        raise BadRequest(reason=f"format must be {' or '.join(FORMATS)}, not {name!r}{hint}")
    return FORMATS[name]


class UnknownSkill(NotFound):
    """No skill is named {skill!r}{hint} (GET /skills lists them)."""

    code = "unknown_skill"


async def get_openapi(request: Request) -> Reply:
    """The whole API as OpenAPI 3.1."""
    return conditional_reply(request, await request.gateway.documents.get(request.snapshot, openapi_of))


async def get_plugin_openapi(request: Request) -> Reply:
    """The commands of one plugin as OpenAPI 3.1."""
    plugin = find_plugin(request.snapshot, request.path["name"])
    return conditional_reply(
        request, await request.gateway.documents.get(request.snapshot, plugin_openapi_of, plugin.name)
    )


async def get_ai_plugin(request: Request) -> Reply:
    """The manifest that agents look for."""
    url = f"{request.snapshot.api.public_url}{AI_PLUGIN['api']['url']}"
    manifest = {**AI_PLUGIN, "api": {**AI_PLUGIN["api"], "url": url}}
    return conditional_reply(request, encode_representation(request.snapshot, manifest))


ROUTES = [
    Route(
        method="GET",
        path="/",
        handler=get_index,
        summary="Where to start",
        scopes=None,
        tags=TAGS,
        responses={200: schemas.INDEX},
    ),
    Route(
        method="GET",
        path="/plugins",
        handler=get_plugins,
        summary="Plugins and their commands",
        scopes=None,
        tags=TAGS,
        responses={200: schemas.PLUGINS, 304: None},
        headers=ETAG_HEADERS,
    ),
    Route(
        method="GET",
        path="/plugin/{name}",
        handler=get_plugin,
        summary="A plugin, and what its commands take",
        description="Needs the scope `plugin:ro`, or `plugin:<name>:ro` of this plugin.",
        tags=TAGS,
        responses={200: schemas.PLUGIN, 304: None, 404: None, 503: None},
        headers=ETAG_HEADERS,
    ),
    Route(
        method="GET",
        path="/plugin/{name}/openapi.json",
        handler=get_plugin_openapi,
        summary="The OpenAPI document of one plugin",
        scopes=None,
        tags=TAGS,
        responses={200: schemas.OBJECT, 304: None, 404: None, 503: None},
        headers=ETAG_HEADERS,
    ),
    Route(
        method="GET",
        path="/skills",
        handler=get_skills,
        summary="Plugin commands and pipelines, for agents",
        description="`format=markdown` or `Accept: text/markdown` gives a page that also says how to call, follow and "
        "understand them. A page of many skills has a line for each, and `/skills/{name}` the whole of one.",
        scopes=None,
        tags=TAGS,
        parameters=(QUERY, FORMAT),
        responses={200: schemas.SKILLS, 304: None},
        media=(JSON_MEDIA, MARKDOWN),
        headers={**ETAG_HEADERS, "Vary": "`Accept`: there is a page for JSON and one in Markdown."},
    ),
    Route(
        method="GET",
        path="/skills/{name}",
        operation_id="get_skill",
        handler=get_skill,
        summary="One skill, with what it takes",
        description="`format=markdown` or `Accept: text/markdown` gives it as a section of the page of all skills.",
        scopes=None,
        tags=TAGS,
        parameters=(FORMAT,),
        responses={200: schemas.SKILL, 304: None, 404: None},
        media=(JSON_MEDIA, MARKDOWN),
        headers={**ETAG_HEADERS, "Vary": "`Accept`: there is a document in JSON and one in Markdown."},
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=get_openapi,
        summary="This document",
        scopes=None,
        tags=TAGS,
        responses={200: schemas.OBJECT, 304: None},
        headers=ETAG_HEADERS,
    ),
    Route(
        method="GET",
        path="/.well-known/ai-plugin.json",
        handler=get_ai_plugin,
        summary="Where agents start",
        scopes=None,
        tags=TAGS,
        responses={200: schemas.AI_PLUGIN, 304: None},
        headers=ETAG_HEADERS,
    ),
]
