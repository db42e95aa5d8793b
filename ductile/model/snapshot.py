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
from ductile.model.config_inputs import ConfigInputs
from ductile.model.graph import Graph
from ductile.model.manifest import Manifest
from ductile.model.output import DEFAULT_OUTPUT, OutputRules
from ductile.model.principal import Principal
from ductile.model.proxies import NO_PROXIES, Proxies
from ductile.model.route import Route
from ductile.model.workers import DEFAULT_WORKERS, WorkerRules


class SchemaViolation(Struct, frozen=True, kw_only=True):
    """One violation of a payload's schema, as responses show it."""

    path: str
    """A JSON Pointer into the payload; empty for the payload itself."""
    message: str
    schema_path: str


Validator = Callable[[Any], Sequence[SchemaViolation]]
"""Checks a decoded payload; an empty result means valid."""


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
    """Why this runner was chosen."""
    workers: WorkerRules = DEFAULT_WORKERS
    output: OutputRules = DEFAULT_OUTPUT
    validators: Mapping[str, Validator]
    """Command → the validator of its `input_schema`, if it has one."""
    init_hash: str | None = None
    """BLAKE3 (hex) of all parts whose change needs another `init`; None without that command."""


class UnusablePlugin(Struct, frozen=True, kw_only=True):
    """A plugin that cannot run now, and the reason."""

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


SECRET_MARK_DIGITS = 32
"""Hex digits of the mark of a text with a secret."""


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
    """Whether a change of the configuration's files reloads it."""
    settle: Millis = 500
    """How long the files must be unchanged before a reload."""


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
    """The URL at which clients reach the gateway, without a slash at its end; empty for its own address."""
    prefix: str = ""
    """The path of `public_url`, such as `/ductile`. The gateway answers with and without this prefix."""
    max_waits_per_principal: int = 5
    max_streams_per_principal: int = 200
    max_connections: int | None = None
    """None: as many as the file descriptors allow."""
    max_connections_per_address: int | None = None
    """None: seven eighths of all."""
    header_timeout: Millis = 10_000
    body_timeout: Millis = 30_000
    write_timeout: Millis = 30_000
    keepalive_timeout: Millis = 75_000
    trusted_proxies: Proxies = NO_PROXIES

    def link(self, path: str) -> str:
        """A path of the gateway with the prefix that clients need."""
        return self.prefix + path


class Snapshot(Struct, frozen=True, kw_only=True):
    """All configuration of one generation of the gateway."""

    generation: int
    config_hash: str
    """BLAKE3 (hex) of configuration, manifests and the environment values that they use."""
    root: Path
    """The configuration folder; plugins start here."""
    service: Service
    api: Api
    state_path: Path
    principals: Mapping[str, Principal]
    """BLAKE3 (hex) of a token → its principal."""
    plugins: Mapping[str, Plugin]
    unusable: Mapping[str, UnusablePlugin]
    pipelines: Mapping[str, Graph]
    on_event: Mapping[str, tuple[Graph, ...]]
    """Event type → the pipelines it may start, in configuration order."""
    on_hook: Mapping[str, tuple[Graph, ...]]
    routes: Mapping[tuple[str, str], tuple[EventRoute, ...]]
    """(source plugin, event type) → the routes of the event."""
    schedules: tuple[Schedule, ...]
    redactor: Redactor
    warnings: tuple[str, ...] = ()
    """Located sentences: `config.yaml:3:1: warning[legacy]: …`."""
    secrets: frozenset[str] = frozenset()
    """The secrets of this configuration; the redactor may know older ones, too."""
    vault: Vault = field(default_factory=Vault.ephemeral)
    """The installation's key."""
    rows: Sequence[Route] = ()
    """The endpoints of all surfaces under this configuration."""
    section_hashes: Mapping[str, str] = field(default_factory=dict)
    """Section of the configuration → its hash, by which a reload finds changes."""
    sections: Mapping[str, Any] = field(default_factory=dict)
    """Key of a feature's section → what its `compile` made of it."""
    section_settings: Mapping[str, Any] = field(default_factory=dict)
    """Key of a feature's section → its settings as a file would have them, secrets too."""
    restart_hashes: Mapping[str, str] = field(default_factory=dict)
    """Key of a feature's section that cannot change without a restart → the hash of its value."""
    inputs: ConfigInputs = field(default_factory=ConfigInputs)
    """All files and folders that the configuration was read from."""
    state_max_size: int | None = None
    """Bytes of the state above which new work is refused."""

    def seal_secrets(self, text: bytes) -> bytes:
        """Seal a text that holds a secret; other texts stay as they are."""
        return self.vault.seal(text) if self.redactor.holds(text) else text

    def pseudonym(self, text: str) -> str:
        """A text to store and compare: where it holds a secret, redacted and followed by a mark of the whole."""
        redacted = self.redactor.text(text)
        return text if redacted == text else f"{redacted}~{self.vault.mark(text)[:SECRET_MARK_DIGITS]}"
