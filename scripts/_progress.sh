# Sourced by _env.sh.

# with_progress TEXT COMMAND…: runs it. On a terminal the text stands there with a turning sign and the seconds that it
# takes, elsewhere it is a line.
with_progress() {
  local text=$1 pid began=$SECONDS turn=0 signs='|/-\' code=0
  shift
  if [ ! -t 2 ] || [ "${TERM:-dumb}" = dumb ]; then
    echo "$text …" >&2
    "$@"
    return
  fi
  "$@" &
  pid=$!
  trap 'kill "$pid" 2>/dev/null; printf "\r\033[K" >&2; exit 130' INT
  while kill -0 "$pid" 2>/dev/null; do
    printf '\r%s … %s %ds\033[K' "$text" "${signs:turn++%4:1}" $((SECONDS - began)) >&2
    sleep 0.2
  done
  wait "$pid" || code=$?
  trap - INT
  printf '\r%s … %ds\033[K\n' "$text" $((SECONDS - began)) >&2
  return "$code"
}
