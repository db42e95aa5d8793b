#!/usr/bin/env -S python3 -u
import json
import os
import sys

request = sys.stdin.read()
attempt = json.loads(request)["attempt"]
assert str(attempt) == os.environ["DUCTILE_ATTEMPT"]  # the two ways to learn it agree
answer = {
    "status": "ok",
    "result": {"language": "python", "received": len(request.encode()), "attempt": str(attempt)},
    "events": [{"type": "spoken", "payload": {"text": "grüße from python"}}],
    "state_updates": {"language": "python"},
    "logs": [{"level": "info", "message": "python spoke"}],
}
json.dump(answer, sys.stdout)
