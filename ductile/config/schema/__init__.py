"""What each section of the configuration may hold, a module for a few sections each."""
