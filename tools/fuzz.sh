#!/usr/bin/env bash
# Each target of spec/fuzz for FUZZ_SECONDS with libFuzzer, ASan and UBSan; the corpus in cache/fuzz grows.
#
#   TARGETS="json decimal"   only these          FUZZ_SECONDS=600   longer
. "$(dirname "$0")/common.sh"

tools/setup.sh build fuzz
seconds=${FUZZ_SECONDS:-60}
vectors=${DYNAMODB_VECTORS:-../shared/vectors}
include=$(pkg-config --cflags-only-I lua5.4) libraries=$(pkg-config --libs lua5.4)
failed=()
for target in ${TARGETS:-$(basename -s .c spec/fuzz/*.c)}; do
  say "fuzzing $target for $seconds s"
  mkdir -p build/fuzz "cache/fuzz/$target" "build/fuzz/found/$target"
  bindings=()
  ! grep -q 'compat\.h' "spec/fuzz/$target.c" || bindings=(csrc/bind/*.c)
  # shellcheck disable=SC2086
  clang -std=c11 -D_DEFAULT_SOURCE -Icsrc $include -O1 -g -fno-omit-frame-pointer -Wno-unused-command-line-argument \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o "build/fuzz/$target" \
    "spec/fuzz/$target.c" csrc/engine/*.c "${bindings[@]}" $libraries -lcrypto -lz -lm
  seeds=("cache/fuzz/$target")
  [[ ! -d $vectors/json ]] || seeds+=("$vectors/json")
  [[ ! -e spec/fuzz/$target.dict ]] || seeds+=("-dict=spec/fuzz/$target.dict")
  attend "build/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="build/fuzz/found/$target/" "${seeds[@]}" || failed+=("$target")
done
[[ ${#failed[@]} == 0 ]] || die "found by ${failed[*]}: see build/fuzz/found"
say "clean"
