"""Says what the gateway can do, to people and to agents. Public."""

from ductile import __version__
from ductile.describe.catalog import catalog
from ductile.describe.openapi import openapi
from ductile.describe.skills import skills
from ductile.http.ask import Ask, Reply
from ductile.http.surfaces import schemas
from ductile.model.route import Route
from ductile.model.snapshot import Snapshot


async def index(ask: Ask) -> Reply:
    """Where to start."""
    gateway = ask.gateway
    return Reply(
        body={
            "name": "Ductile Gateway",
            "description": "Turns executables into dependable services, behind one durable queue.",
            "uptime_seconds": (gateway.clock() - gateway.started_at) // 1000,
            "discovery": {
                "health": "/healthz",
                "skills": "/skills",
                "plugins": "/plugins",
                "openapi": "/openapi.json",
                "ai_plugin": "/.well-known/ai-plugin.json",
            },
        }
    )


AI_PLUGIN = {
    "schema_version": "v1",
    "name_for_human": "Ductile Gateway",
    "name_for_model": "ductile",
    "description_for_human": "Integration gateway for triggering plugins and pipelines.",
    "description_for_model": (
        "Discover and invoke plugins and pipelines. GET /skills lists them, GET /openapi.json has the full "
        "specification. Invoke a command with POST /plugin/{name}/{command}, a pipeline with POST /pipeline/{name}."
    ),
    "auth": {"type": "bearer"},
    "api": {"type": "openapi", "url": "/openapi.json"},
}
"""Points agents at the OpenAPI document."""


def openapi_of(snapshot: Snapshot) -> object:
    """The OpenAPI document of a snapshot, under this version's number."""
    return openapi(snapshot, __version__)


async def get_plugins(ask: Ask) -> Reply:
    """Plugins and the names of their commands."""
    return Reply(body=ask.gateway.documents.get(ask.snapshot, catalog))


async def get_skills(ask: Ask) -> Reply:
    """Plugin commands and pipelines in one list."""
    return Reply(body=ask.gateway.documents.get(ask.snapshot, skills))


async def get_openapi(ask: Ask) -> Reply:
    """The whole API as OpenAPI 3.1."""
    return Reply(body=ask.gateway.documents.get(ask.snapshot, openapi_of))


async def get_ai_plugin(ask: Ask) -> Reply:  # noqa: ARG001 - a handler's shape; the document is always the same
    """The manifest that agents look for."""
    return Reply(body=AI_PLUGIN)


ROUTES = [
    Route(method="GET", path="/", handler=index, summary="Where to start", scopes=None, responses={200: schemas.INDEX}),
    Route(
        method="GET",
        path="/plugins",
        handler=get_plugins,
        summary="Plugins and their commands",
        scopes=None,
        responses={200: schemas.PLUGINS},
    ),
    Route(
        method="GET",
        path="/skills",
        handler=get_skills,
        summary="Plugin commands and pipelines, for agents",
        scopes=None,
        responses={200: schemas.SKILLS},
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=get_openapi,
        summary="This document",
        scopes=None,
        responses={200: {"type": "object"}},
    ),
    Route(
        method="GET",
        path="/.well-known/ai-plugin.json",
        handler=get_ai_plugin,
        summary="Where agents start",
        scopes=None,
        responses={200: {"type": "object"}},
    ),
]
