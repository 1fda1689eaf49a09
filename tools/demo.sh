#!/usr/bin/env bash
# From a fresh machine to a program that uses DynamoDB: set up, build, start an engine, run the tour, stop it.
. "$(dirname "$0")/common.sh"

tools/setup.sh build engine
say "building"
attend make -j2
engine=${ENGINES:-dynoxide}
engine=${engine%% *}
say "running examples/tour.lua against ${ENDPOINT:-$engine}"
export LUA_PATH="./lua/?.lua;;" LUA_CPATH="./build/5.4/?.so;;"
attend tools/engine.sh run "$engine" bash -c \
  'AWS_ENDPOINT_URL=$DYNAMODB_TEST_ENDPOINT exec lua5.4 examples/tour.lua'
say "done"
