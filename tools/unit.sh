#!/usr/bin/env bash
# Runs C unit tests; each prints its failures and a last line `passed=N failed=N`, without which it counts as one test.
. "$(dirname "$0")/common.sh"

# An allocation that is too large fails, as it does without a sanitizer.
export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
passed=0 failed=0
for test in "$@"; do
  status=0
  output=$(attend "$test" 2>&1) || status=$?
  if [[ ${output##*$'\n'} =~ ^passed=([0-9]+)\ failed=([0-9]+) ]]; then
    good=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]}
    output=${output%passed=*}
    [[ $status == 0 || $bad != 0 ]] || bad=1
  else
    good=$((status == 0)) bad=$((status != 0))
  fi
  printf '  %-46s %5d passed\n' "spec/engine/$(basename "$test").c" "$good"
  [[ $bad == 0 ]] || printf '  %d FAILED, exit status %d\n%s\n' "$bad" "$status" "$output"
  passed=$((passed + good)) failed=$((failed + bad))
done
echo "passed=$passed failed=$failed pending=0"
[[ $failed == 0 ]]
