"""What waits for the store is heard once."""

from structlog.testing import capture_logs

from ductile.store.errors import StorageFull, StoreUnavailable
from ductile.store.patience import Patience


def test_it_is_said_once_for_each_reason_and_when_it_is_over() -> None:
    patience = Patience("schedules wait for the store")
    with capture_logs() as logs:
        patience.goes_on()
        for _ in range(3):
            patience.waits(StoreUnavailable(reason="disk I/O error"))
        for _ in range(3):
            patience.waits(StorageFull(reason="the disk is small"))
        patience.goes_on()
        patience.goes_on()
        patience.waits(StorageFull(reason="the disk is small"))
    assert [(log["log_level"], "small" in log.get("reason", "")) for log in logs] == [
        ("error", False),
        ("error", True),
        ("info", False),
        ("error", True),
    ]
    assert all("schedules wait for the store" in (log["event"], log.get("was")) for log in logs)
