#!/usr/bin/env python3
import json
import sys

json.dump({"status": "ok", "result": "x" * 1_000_000}, sys.stdout)
sys.stdout.flush()
sys.stdin.read()
