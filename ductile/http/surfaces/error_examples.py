"""An error for each status that an operation may answer: the examples of the OpenAPI document."""

from collections.abc import Mapping

from ductile.config.reload import ReloadRefused
from ductile.describe.schema_example import EXAMPLES_BY_NAME
from ductile.errors import DuctileError, Forbidden, Unauthorized
from ductile.http.errors import BodyTooLarge, BodyTooSlow, UnsupportedMedia
from ductile.observe.errors import TooManyWaits
from ductile.store.errors import IdempotencyConflict, UnknownJob
from ductile.submit import InvalidPayload, PluginUnusable

_REASON = "9 is greater than the maximum of 3"
_MISFIT = {"path": "/times", "message": _REASON, "schema_path": "/maximum"}
_PROBLEM = {
    "file": "config.yaml",
    "line": 3,
    "column": 3,
    "path": "service.max_worker",
    "code": "unknown_key",
    "severity": "error",
    "message": "`max_worker` is no key of `service`; did you mean `max_workers`?",
}

ERROR_EXAMPLES: Mapping[int, DuctileError] = {
    error.status: error
    for error in (
        InvalidPayload(plugin="echo", command="poll", first=f"/times: {_REASON}", errors=[_MISFIT]),
        Unauthorized(),
        Forbidden(required_scopes=["plugin:rw", "plugin:echo:rw"]),
        UnknownJob(job_id=EXAMPLES_BY_NAME["job_id"]),
        IdempotencyConflict(key="order-17", job_id=EXAMPLES_BY_NAME["job_id"]),
        BodyTooSlow(seconds=30),
        BodyTooLarge(limit=1_048_576),
        UnsupportedMedia(found="text/plain"),
        ReloadRefused(found="1 error", errors=[_PROBLEM]),
        TooManyWaits(limit=5, principal="token:ci"),
        DuctileError(),
        PluginUnusable(plugin="echo", kind="disabled", reason="it is disabled by `enabled: false`"),
    )
}
