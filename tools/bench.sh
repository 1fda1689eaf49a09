#!/usr/bin/env bash
# Every program of bench/ under Lua 5.4 and LuaJIT.
. "$(dirname "$0")/common.sh"

for lua in 5.4 luajit; do
  [[ -e build/$lua/dynamodb/core.so ]] || continue
  for program in bench/*.lua; do
    say "$program, $lua"
    LUA_PATH="./lua/?.lua;./?.lua;;" LUA_CPATH="./build/$lua/?.so;;" attend "$(interpreter "$lua")" "$program"
  done
done
