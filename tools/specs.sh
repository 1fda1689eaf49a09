#!/usr/bin/env bash
# specs.sh LUA FILE …: the spec files under one Lua, with the modules of build/ (or of build/$FLAVOUR).
. "$(dirname "$0")/common.sh"

lua=$1
shift
built=build/$lua
options=()
run=()
if [[ ${FLAVOUR:-plain} == asan ]]; then
  built=build/asan/$lua
  options=(--helper=spec/support/collector.lua)
  run=(env "LD_PRELOAD=$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
    "ASAN_OPTIONS=exitcode=99:detect_leaks=1:detect_stack_use_after_return=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
fi
# The specs are not about an account, a profile or a proxy of who runs them, unless it is for a service of theirs.
if [[ -z ${DYNAMODB_TEST_ENDPOINT:-} || -n ${DYNAMODB_TEST_ENGINE:-} ]]; then
  for name in "${!AWS_@}" {http,https,all,no}_proxy {HTTP,HTTPS,ALL,NO}_PROXY; do unset "$name"; done
  export HOME=$PWD/build/spec/home
  mkdir -p "$HOME"
fi
export DYNAMODB_TEST_LUA=$lua
export LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;;" LUA_CPATH="./$built/?.so;;"
specs () {
  local status=0
  attend "${run[@]}" "$(interpreter "$lua")" tools/busted.lua --run=named -o spec/support/report.lua \
    "${options[@]}" "$@" || status=$?
  [[ $status -le 1 ]] || { echo "exit status $status"; echo "passed=0 failed=1 pending=0"; }
  [[ $status == 0 ]] || verdict=1
}

verdict=0
if [[ ${FLAVOUR:-plain} == asan ]]; then     # a full collection at each allocation: bearable while the heap is small
  for file; do specs "$file"; done
else
  specs "$@"
fi
exit "$verdict"
