#!/usr/bin/env bash
# Every program of bench/ under Lua 5.4 and LuaJIT, then those of Lambda and in nginx.
. "$(dirname "$0")/common.sh"

# BENCH_NODE=1 sets the AWS SDK for JavaScript beside the library.
if [[ ${BENCH_NODE:-} == 1 && ! -d cache/node/node_modules/@aws-sdk/client-dynamodb-streams ]]; then
  say "fetching the AWS SDK for JavaScript into cache/node"
  mkdir -p cache/node
  attend npm install --silent --no-audit --no-fund --prefix cache/node @aws-sdk/client-dynamodb \
    @aws-sdk/client-dynamodb-streams @aws-sdk/lib-dynamodb @aws-sdk/util-dynamodb
fi

for lua in 5.4 luajit; do
  [[ -e build/$lua/dynamodb/core.so ]] || continue
  for program in bench/*.lua; do
    say "$program, $lua"
    LUA_PATH="./lua/?.lua;./?.lua;;" LUA_CPATH="./build/$lua/?.so;./build/bench/$lua/?.so;;" \
      attend "$(interpreter "$lua")" "$program"
  done
done

[[ -e build/luajit/dynamodb/core.so && -e build/5.4/dynamodb/core.so ]] || exit 0
tools/setup.sh build test
tools/libcurl_minimal.sh || say "no libcurl like Amazon Linux's: its source cannot be had here"
for program in bench/lambda/*.lua bench/nginx/*.lua; do
  say "$program"
  LUA_PATH="./lua/?.lua;./?.lua;;" LUA_CPATH="./build/5.4/?.so;;" attend lua5.4 "$program"
done
