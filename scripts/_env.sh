# Sourced by the scripts beside it: finds a Python and keeps .venv in step with the locks.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
. "$root/scripts/_progress.sh"

# Prints the first interpreter that is new enough, runs, and can make virtual environments. A name on the PATH may be a
# version manager's shim that fails when it is called, so that each is tried; .venv may be on the PATH, too, and is none:
# it is about to be made.
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python3.14 python; do
    [ -n "$candidate" ] || continue
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
    return
  done
  echo "Ductile needs Python 3.11 or newer with the venv module (Debian: apt install python3 python3-venv)." >&2
  echo "Set PYTHON to name an interpreter." >&2
  return 1
}

# set_up runtime|dev: makes .venv, again when a lock, pyproject.toml or the folder's place has changed.
set_up() {
  local kind=$1 lock=requirements.lock wanted python
  [ "$kind" = runtime ] || lock=requirements-dev.lock
  exec 9<"$root/scripts"
  if command -v flock >/dev/null; then flock 9; fi # two scripts at once set up one after the other
  wanted="$root $(cd "$root" && cksum requirements.lock requirements-dev.lock pyproject.toml)"
  if [ "$(cat "$venv/.locked" 2>/dev/null)" != "$wanted" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    python=$(find_python)
    rm -rf "$venv"
    with_progress "Making .venv with $python" "$python" -m venv "$venv"
    printf '%s' "$wanted" >"$venv/.locked"
  fi
  if [ ! -e "$venv/.$kind" ] && [ ! -e "$venv/.dev" ]; then
    with_progress "Installing $lock" install_lock "$lock"
    touch "$venv/.$kind"
  fi
  exec 9<&-
}

# setuptools is in the locks, so that nothing unpinned is fetched to install Ductile itself.
install_lock() {
  export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
  "$venv/bin/python" -m pip install --quiet --require-hashes -r "$root/$1" &&
    "$venv/bin/python" -m pip install --quiet --no-build-isolation --no-deps -e "$root"
}
