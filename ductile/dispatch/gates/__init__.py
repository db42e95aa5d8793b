"""Gates: each admits a job, or gives the reason to hold the job."""
