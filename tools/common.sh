# shellcheck shell=bash
# What the shell tools share: where the project is, how a step is announced, how children are run and never left behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export npm_config_cache=$PWD/cache/npm      # the home may be read-only

say () { printf '==> %s\n' "$*"; }
die () { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Children run in process groups of their own, so that a signal to this script, or its end, ends all they started.
groups=()
start () {
  set -m
  "$@" < /dev/null &
  set +m
  groups+=("$!")
}

stop_all () {
  local group
  for group in "${groups[@]}"; do
    kill -TERM -- "-$group" 2> /dev/null || continue
    for _ in {1..50}; do
      kill -0 -- "-$group" 2> /dev/null || continue 2
      sleep 0.1
    done
    kill -KILL -- "-$group" 2> /dev/null || true
  done
}

# Runs a command to its end; signals reach it at once. Its status is the result.
attend () {
  start "$@"
  local status=0
  wait "$!" || status=$?
  return "$status"
}

trap 'stop_all 2> /dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Both names of one Lua: the interpreter of a build directory.
interpreter () {
  case $1 in luajit) echo luajit ;; *) echo "lua$1" ;; esac
}
