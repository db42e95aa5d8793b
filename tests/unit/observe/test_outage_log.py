"""What waits for the store is heard once."""

from structlog.testing import capture_logs

from ductile.observe.outage_log import OutageLog
from ductile.store.errors import StorageFull, StoreUnavailable


def test_it_is_said_once_for_each_reason_and_when_it_is_over() -> None:
    outage_log = OutageLog("schedules wait for the store")
    with capture_logs() as logs:
        outage_log.record_recovery()
        for _ in range(3):
            outage_log.record_failure(StoreUnavailable(reason="disk I/O error"))
        for _ in range(3):
            outage_log.record_failure(StorageFull(reason="the disk is small"))
        outage_log.record_recovery()
        outage_log.record_recovery()
        outage_log.record_failure(StorageFull(reason="the disk is small"))
    assert [(log["log_level"], "small" in log.get("reason", "")) for log in logs] == [
        ("error", False),
        ("error", True),
        ("info", False),
        ("error", True),
    ]
    assert all("schedules wait for the store" in (log["event"], log.get("was")) for log in logs)
