#!/usr/bin/env bash
set -euo pipefail

LC_ALL=C
request=$(cat)
cat <<EOF
{
  "status": "ok",
  "result": {"language": "bash", "received": ${#request}, "attempt": "$DUCTILE_ATTEMPT"},
  "events": [{"type": "spoken", "payload": {"text": "grüße from bash"}}],
  "state_updates": {"language": "bash"},
  "logs": [{"level": "info", "message": "bash spoke"}]
}
EOF
