"""The frozen result of compiling all configuration and manifests; one generation of the gateway.

A request and an attempt read the current snapshot once and pass it down.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from ductile.document.redactor import Redactor
from ductile.document.vault import Vault
from ductile.model.clock import Millis
from ductile.model.graph import Graph
from ductile.model.inputs import Inputs
from ductile.model.manifest import Manifest
from ductile.model.output import DEFAULT_OUTPUT, OutputRules
from ductile.model.principal import Principal
from ductile.model.proxies import NO_PROXIES, Proxies
from ductile.model.route import Route
from ductile.model.workers import DEFAULT_WORKERS, WorkerRules


class Invalid(Struct, frozen=True, kw_only=True):
    """One way in which a payload breaks its schema, as an answer shows it."""

    path: str
    """A JSON Pointer into the payload; empty for the payload itself."""
    message: str
    schema_path: str


Validator = Callable[[Any], Sequence[Invalid]]
"""Checks a decoded payload; nothing returned is valid."""


class Plugin(Struct, frozen=True, kw_only=True):
    """A plugin instance that can run: the manifest's own name, or an alias with its own settings and state."""

    name: str
    manifest: Manifest
    folder: Path
    executable: Path
    config: Mapping[str, Any]
    env: Mapping[str, str]
    inherit_env: tuple[str, ...]
    """Names of the gateway's own variables to pass on; `all` passes everything."""
    timeouts: Mapping[str, Millis]
    """Command → deadline, for every command of the manifest."""
    max_attempts: int
    backoff_base: Millis
    parallelism: int
    notify_on_complete: bool
    runner: str
    runner_reason: str = ""
    """Why it is this one."""
    workers: WorkerRules = DEFAULT_WORKERS
    output: OutputRules = DEFAULT_OUTPUT
    validators: Mapping[str, Validator]
    """Command → the check of its `input_schema`, where it has one."""
    init_hash: str | None = None
    """BLAKE3 (hex) of all that another `init` is wanted for; None where there is no such command."""


class Unusable(Struct, frozen=True, kw_only=True):
    """A plugin name that cannot run now, and why."""

    name: str
    kind: str
    """`disabled`, or `quarantined`."""
    reason: str
    manifest: Manifest | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


class EventRoute(Struct, frozen=True, kw_only=True):
    """A `routes:` entry: this event of this plugin goes to that plugin's `handle`."""

    source: str
    event_type: str
    to: str


class Schedule(Struct, frozen=True, kw_only=True):
    """One `schedules:` entry of a plugin instance."""

    id: str
    """`<plugin>/<schedule id>`."""
    plugin: str
    command: str
    payload: Mapping[str, Any]
    every: Millis
    jitter: Millis


MARK_DIGITS = 32
"""Hex digits of a mark that stands for a secret."""


class Service(Struct, frozen=True, kw_only=True):
    """The `service:` section."""

    name: str
    tick_interval: Millis
    log_level: str
    log_format: str
    dedupe_ttl: Millis
    job_log_retention: Millis
    job_queue_retention: Millis
    max_workers: int
    kill_grace: Millis
    drain_timeout: Millis
    max_hops: int
    strict_mode: bool
    allow_symlinks: bool
    inherit_env: tuple[str, ...]
    trusted_owners: tuple[int, ...] = ()
    """User ids besides root's and the gateway's own whose plugins may run."""
    output: OutputRules = DEFAULT_OUTPUT
    watch: bool = False
    """Whether a change of what the configuration was read from reloads it."""
    settle: Millis = 500
    """How long nothing of it may have changed before it is read."""


class Api(Struct, frozen=True, kw_only=True):
    """The `api:` section."""

    enabled: bool
    listen: tuple[str, ...]
    """`host:port` or `unix:/path`, at least one."""
    max_concurrent_sync: int
    max_sync_timeout: Millis
    max_body_size: int
    """Bytes."""
    allowed_origins: tuple[str, ...]
    metrics_public: bool
    max_body_values: int = 500_000
    public_url: str = ""
    """Where clients reach the gateway, without a slash at its end; empty where that is where it listens."""
    prefix: str = ""
    """The path of `public_url`: `/ductile`. The gateway answers below it and without it."""
    max_waits_per_principal: int = 5
    max_streams_per_principal: int = 200
    max_connections: int | None = None
    """None: as the file descriptors allow."""
    max_connections_per_address: int | None = None
    """None: seven eighths of all."""
    header_timeout: Millis = 10_000
    body_timeout: Millis = 30_000
    write_timeout: Millis = 30_000
    keepalive_timeout: Millis = 75_000
    trusted_proxies: Proxies = NO_PROXIES

    def link(self, path: str) -> str:
        """A path of the gateway as clients must write it."""
        return self.prefix + path


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything one generation of the gateway knows."""

    generation: int
    config_hash: str
    """BLAKE3 (hex) over all that was compiled: configuration, manifests and environment values used."""
    root: Path
    """The configuration folder; plugins start here."""
    service: Service
    api: Api
    state_path: Path
    principals: Mapping[str, Principal]
    """BLAKE3 (hex) of a token → who it is."""
    plugins: Mapping[str, Plugin]
    unusable: Mapping[str, Unusable]
    pipelines: Mapping[str, Graph]
    on_event: Mapping[str, tuple[Graph, ...]]
    """Event type → the pipelines it may start, in configuration order."""
    on_hook: Mapping[str, tuple[Graph, ...]]
    routes: Mapping[tuple[str, str], tuple[EventRoute, ...]]
    """(source plugin, event type) → where it goes."""
    schedules: tuple[Schedule, ...]
    redactor: Redactor
    warnings: tuple[str, ...] = ()
    """Located sentences: `config.yaml:3:1: warning[legacy]: …`."""
    secrets: frozenset[str] = frozenset()
    """Those of this configuration; the redactor may know older ones too."""
    vault: Vault = field(default_factory=Vault.ephemeral)
    """The installation's key."""
    rows: Sequence[Route] = ()
    """The endpoints of all surfaces under this configuration."""
    sections: Mapping[str, str] = field(default_factory=dict)
    """Part of the configuration → its hash; a reload tells from it what changed."""
    inputs: Inputs = field(default_factory=Inputs)
    """Everything that was read for it."""
    state_max_size: int | None = None
    """Bytes that the state may take before no new work is taken."""

    def protected(self, text: bytes) -> bytes:
        """The text as it is stored: sealed where it holds a secret."""
        return self.vault.seal(text) if self.redactor.holds(text) else text

    def pseudonym(self, text: str) -> str:
        """The text as it is stored and compared: redacted, with a mark of the whole where it holds a secret."""
        redacted = self.redactor.text(text)
        return text if redacted == text else f"{redacted}~{self.vault.mark(text)[:MARK_DIGITS]}"
