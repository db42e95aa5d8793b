"""From a queued job to its settled attempt: claims, slots, attempts, outcomes, settlements."""
