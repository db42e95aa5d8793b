#!/bin/sh
exec 0<&-
echo '{"status": "ok", "result": "I did not listen"}'
