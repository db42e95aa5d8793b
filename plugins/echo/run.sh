#!/usr/bin/env bash
# Says what it is told. Bash decides; python3 reads and writes the JSON, so that quotes, newlines and Unicode survive.
# Values go through pipes, never through arguments: those are limited in length, and every process can read them.
set -euo pipefail

read_request='
import json, sys
def fail(reason):
    sys.stdout.write("!error\0" + reason + "\0\0"); sys.exit()
try:
    request = json.loads(sys.stdin.buffer.read())
except (ValueError, RecursionError) as error:
    fail(f"the request is not JSON: {error}")
if not isinstance(request, dict):
    fail("the request is no JSON object")
if request.get("protocol", 2) != 2:
    fail("echo speaks protocol 2, not {}".format(request["protocol"]))
for member in ("config", "event"):
    if not isinstance(request.get(member) or {}, dict):
        fail(f"`{member}` of the request must be an object")
config = request.get("config") or {}
payload = (request.get("event") or {}).get("payload") or request.get("payload") or {}
default = config.get("message", "echo")
if not isinstance(default, str):
    sys.stdout.write("!config\0config.message must be text\0\0"); sys.exit()
said = payload.get("message", default) if isinstance(payload, dict) else default
if not isinstance(said, str):
    fail("payload.message must be text")
for part in (str(request.get("command")), default, said):
    sys.stdout.buffer.write(part.replace("\0", "").encode("utf-8", "replace") + b"\0")
'

write_ok='
import json, sys, time
command, message = sys.stdin.buffer.read().decode("utf-8").split("\0")[:2]
response = {"status": "ok", "result": message}
if command in ("poll", "handle"):
    kind = "echo.poll" if command == "poll" else "echo.handled"
    response["events"] = [{"type": kind, "payload": {"message": message}}]
    response["logs"] = [{"level": "info", "message": f"{command}: {len(message)} characters"}]
if command == "poll":
    response["state_updates"] = {"last_run": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
print(json.dumps(response))
'

write_error='
import json, sys
print(json.dumps({"status": "error", "error": sys.stdin.buffer.read().decode("utf-8"), "retry": False}))
'

# -I: the working directory is the configuration folder, and nothing there may stand in for a module of Python's.
ok() { printf '%s\0' "$@" | python3 -I -X utf8 -c "$write_ok"; }
error() { printf '%s' "$1" | python3 -I -X utf8 -c "$write_error"; }

{
  IFS= read -r -d '' command
  IFS= read -r -d '' default
  IFS= read -r -d '' said
} < <(python3 -I -X utf8 -c "$read_request")

case "$command" in
  poll) ok poll "$default" ;;
  handle) ok handle "$said" ;;
  health) ok health healthy ;;
  !config) error "$default"; exit 78 ;;
  !error) error "$default" ;;
  *) error "echo knows the commands poll, handle, health; not $command" ;;
esac
