"""A compiled configuration as one installation serves it: hashes keyed, stored secrets sealed, old ones hidden."""

from collections.abc import Mapping

from msgspec.structs import replace

from ductile.document.redactor import Redactor
from ductile.document.vault import Vault
from ductile.model.graph import Graph
from ductile.model.snapshot import Snapshot
from ductile.store.errors import KeyUnusable
from ductile.store.installation.retired_secrets import RetiredSecrets
from ductile.store.installation.vault_file import read_vault


class Installation:
    """The key and the memory of the installation that serves."""

    def __init__(self, vault: Vault, retired: RetiredSecrets) -> None:
        self._vault = vault
        self._retired = retired

    def bind(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot of this installation."""
        return replace(
            with_key(snapshot, self._vault), redactor=Redactor(snapshot.redactor.secrets | self._retired.known)
        )

    def record(self, snapshot: Snapshot) -> None:
        """Remember the secrets of a snapshot that is put into force. Blocking."""
        service = snapshot.service
        self._retired.record(snapshot.secrets, max(service.job_log_retention, service.job_queue_retention))


def with_key(snapshot: Snapshot, vault: Vault) -> Snapshot:
    """The snapshot with every hash of it keyed, and with the definitions sealed that hold a secret."""
    graphs = {name: _seal_definition(graph, snapshot.redactor, vault) for name, graph in snapshot.pipelines.items()}
    return replace(
        snapshot,
        config_hash=vault.mark(snapshot.config_hash),
        plugins={
            name: replace(plugin, init_hash=vault.mark(plugin.init_hash)) if plugin.init_hash else plugin
            for name, plugin in snapshot.plugins.items()
        },
        pipelines=graphs,
        on_event=_replace_graphs(snapshot.on_event, graphs),
        on_hook=_replace_graphs(snapshot.on_hook, graphs),
        secrets=snapshot.redactor.secrets,
        vault=vault,
    )


def keyed_hash(snapshot: Snapshot) -> str | None:
    """The hash that a gateway of this configuration tells; None where its key is not there, or not for this user."""
    try:
        vault = read_vault(snapshot.state_path)
    except (OSError, KeyUnusable):
        return None
    return vault.mark(snapshot.config_hash) if vault is not None else None


def _replace_graphs(
    groups: Mapping[str, tuple[Graph, ...]], graphs: Mapping[str, Graph]
) -> dict[str, tuple[Graph, ...]]:
    return {name: tuple(graphs[graph.name] for graph in group) for name, group in groups.items()}


def _seal_definition(graph: Graph, redactor: Redactor, vault: Vault) -> Graph:
    if not redactor.holds(graph.document):
        return graph
    return replace(graph, hash=vault.mark(graph.hash), document=vault.seal(graph.document))
