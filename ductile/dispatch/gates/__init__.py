"""Gates: each admits a job, or says why it is held."""
