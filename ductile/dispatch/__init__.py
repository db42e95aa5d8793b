"""From a queued job to its settled attempt."""
