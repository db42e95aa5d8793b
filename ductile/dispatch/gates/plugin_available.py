"""Holds a job whose plugin or command does not exist, until a reload brings it back."""

from ductile.model.claims import PLUGIN_UNAVAILABLE, GateAnswer, Hold
from ductile.model.clock import Millis
from ductile.model.job import Job
from ductile.model.snapshot import Snapshot


class PluginAvailable:
    """Admits a job whose plugin instance is usable and has its command."""

    def admit(self, job: Job, snapshot: Snapshot, now: Millis) -> GateAnswer:  # noqa: ARG002 - the protocol's shape
        """None to admit the job; `Hold` until a reload brings back what the job needs."""
        plugin = snapshot.plugins.get(job.plugin)
        if plugin is None or job.command not in plugin.manifest.commands:
            return Hold(PLUGIN_UNAVAILABLE)
        return None
