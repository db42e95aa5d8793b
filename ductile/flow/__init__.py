"""What the configuration says happens on an event: pure functions, no clock, no I/O."""
