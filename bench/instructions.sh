#!/usr/bin/env bash
# Instructions per call of every contestant, which no load changes: `make bench && bench/instructions.sh [PROGRAM …]`.
# Counted by callgrind over two runs of different lengths, so that starting and warming up cancel out. Its processor has
# no SHA instructions: hashing counts for more here than it takes, alike in all contestants.
. "$(dirname "$0")/../tools/common.sh"

[[ $# -gt 0 ]] || set -- unmarshal marshal sign
count () {                                   # count INTERPRETER PROGRAM CONTESTANT TIMES
  BENCH_ONLY=$3 BENCH_COUNT=$4 attend \
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" "bench/$2.lua" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

for lua in ${LUAS:-5.4 luajit}; do
  export LUA_PATH="./lua/?.lua;./?.lua;;" LUA_CPATH="./build/$lua/?.so;./build/bench/$lua/?.so;;"
  for program in "$@"; do
    BENCH_LIST=1 attend "$(interpreter "$lua")" "bench/$program.lua" | while IFS=$'\t' read -r contestant calls; do
      one=$(count "$(interpreter "$lua")" "$program" "$contestant" 1)
      three=$(count "$(interpreter "$lua")" "$program" "$contestant" 3)
      printf '%-7s %-60s %12d\n' "$lua" "$contestant" $(((three - one) / (2 * calls)))
    done
  done
done
