"""Who calls: one file for each way to tell."""
