#!/usr/bin/env python3
import json
import sys

request = json.load(sys.stdin)
answer = {"status": "ok", "result": request["state"]}
if request["command"] == "poll":
    answer["state_updates"] = request["payload"]
sys.stdout.write(json.dumps(answer))
