"""The whole configuration. Pipelines are the flow's own models."""

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
)

from ductile.config.field_types import NotYet
from ductile.config.schema.api import ApiSection
from ductile.config.schema.plugins import PluginEntry, RouteEntry
from ductile.config.schema.section import Entries, Section, list_or_empty, map_or_empty
from ductile.config.schema.service import EnvironmentVars, ServiceSection, StateSection
from ductile.config.schema.value_types import Names, Texts


class Configuration(Section):
    """All sections, after includes, expansion and merging."""

    include: Texts = []
    """More files, and folders of which every *.yaml is read. Maps merge, lists append."""
    environment_vars: EnvironmentVars = EnvironmentVars()
    """Files with variables that `${NAME}` may take."""
    service: ServiceSection = Field(default_factory=ServiceSection)
    """The process as a whole."""
    state: StateSection = StateSection()
    """Where jobs are kept."""
    api: Annotated[ApiSection | None, BeforeValidator(map_or_empty)] = None
    """The HTTP interface. Without this section nothing listens."""
    plugin_roots: Names = []
    """Folders below which plugins are looked for, at any depth. `bundled` stands for the plugins that ship with
    Ductile, `./bundled` for a folder of that name. The first one that has a name wins.
    """
    plugins: Annotated[dict[str, PluginEntry], BeforeValidator(map_or_empty)] = {}
    """Settings by the name of a plugin or, with `uses`, of a further instance of one."""
    pipelines: Annotated[list[Any], BeforeValidator(list_or_empty)] = []
    """What runs when an event arrives or a pipeline is called."""
    routes: Entries[RouteEntry] = []
    """Events of one plugin that go to another one's `handle`."""
    webhooks: NotYet = None
    tokens: NotYet = None
    instances: NotYet = None
    remote_ingress: NotYet = None
    secrets: NotYet = None
    accounts: NotYet = None
