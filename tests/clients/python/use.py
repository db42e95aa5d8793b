"""What a program does with the generated client: trigger, wait, follow, list, and meet errors, each of its own type."""

import os
import time
from uuid import UUID

from ductile_client import AuthenticatedClient
from ductile_client.api.jobs import get_job, get_jobs
from ductile_client.api.shell import shell_peek, shell_say
from ductile_client.models import Accepted, Error, GetJobsStatusItem, Job, JobPage, ShellSayBody, ShellSayJob, State

NOBODY = UUID("00000000-0000-0000-0000-000000000000")


def follow(client: AuthenticatedClient, job_id: UUID) -> Job:
    for _ in range(400):
        job = get_job.sync(job_id, client=client)
        assert isinstance(job, Job), job
        if job.completed_at is not None:
            return job
        time.sleep(0.025)
    raise TimeoutError


def main() -> None:
    with AuthenticatedClient(base_url=os.environ["DUCTILE_URL"], token=os.environ["DUCTILE_TOKEN"]) as client:
        ended = shell_say.sync(client=client, body=ShellSayBody(message="hello", times=2), prefer="wait=20")
        assert isinstance(ended, ShellSayJob), ended
        assert (ended.status, ended.result.result) == (State.SUCCEEDED, "done")

        accepted = shell_peek.sync_detailed(client=client)
        assert accepted.status_code == 202
        assert isinstance(accepted.parsed, Accepted)
        job = follow(client, accepted.parsed.job_id)
        assert (job.status, job.command) == (State.SUCCEEDED, "peek")

        page = get_jobs.sync(client=client, plugin="shell", status=[GetJobsStatusItem.SUCCEEDED], limit=100)
        assert isinstance(page, JobPage)
        assert job.job_id in {row.job_id for row in page.jobs}

        refused = shell_say.sync(client=client, body=ShellSayBody(message="x", times=9))
        assert isinstance(refused, Error)
        assert (refused.code, refused.error) == (400, "invalid_payload")
        missing = get_job.sync(NOBODY, client=client)
        assert isinstance(missing, Error)
        assert missing.error == "unknown_job"
    print("ok")  # noqa: T201 - what the test looks for


main()
