"""Holds a job whose plugin or command does not exist, until a reload brings it back."""

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.job import Job
from ductile.model.snapshot import Snapshot


class PluginAvailable:
    """Admits a job whose plugin instance is usable and has its command."""

    def admit(self, job: Job, snapshot: Snapshot) -> str | None:
        """None to admit the job, or the reason to hold it."""
        plugin = snapshot.plugins.get(job.plugin)
        if plugin is None or job.command not in plugin.manifest.commands:
            return PLUGIN_UNAVAILABLE
        return None
