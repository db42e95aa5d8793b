"""When a worker has served long enough."""

import os

from ductile.model.workers import WorkerRules


def needs_recycling(rules: WorkerRules, *, served: int, seconds: float, pid: int) -> bool:
    """Whether it has answered so many requests, lives so long or holds so much memory that another one takes over."""
    return (
        (rules.max_jobs is not None and served >= rules.max_jobs)
        or (rules.max_age is not None and seconds * 1000 >= rules.max_age)
        or (rules.max_rss is not None and _resident(pid) > rules.max_rss)
    )


def _resident(pid: int) -> int:
    """Bytes of memory that the process holds; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:  # noqa: PTH123 - after each answer
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
