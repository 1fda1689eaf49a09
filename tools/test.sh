#!/usr/bin/env bash
# Everything that can be proven here: C unit tests, every spec under every Lua, integration specs against every engine
# and in nginx, and the rock. The last line is `N passed, N failed`. FLAVOUR=asan runs the specs (but those in nginx)
# under ASan and UBSan instead.
#
#   ENGINES="dynoxide dynalite dynamodb-local"   more engines        ENDPOINT=URL   any other, nothing is started
#   SCALE=10   larger numbers    LUAS="5.4"   fewer Luas             SPECS="spec/x_spec.lua"   these files only
#   TIMEOUT=60   seconds after which a suite is ended and has failed       JOBS=1   suites that run at a time
. "$(dirname "$0")/common.sh"

export SCALE=${SCALE:-1} DYNAMODB_VECTORS=${DYNAMODB_VECTORS:-../shared/vectors}
export FLAVOUR=${FLAVOUR:-plain}
engines=${ENGINES:-dynoxide}
[[ -z ${ENDPOINT:-} ]] || engines=endpoint
built=build
seconds=900
[[ $FLAVOUR == plain ]] || { built=build/$FLAVOUR; seconds=3600; }
results=$(mktemp -d)
trap 'stop_all 2> /dev/null; rm -rf "$results"' EXIT
passed=0 failed=0 pending=0
timeout=${TIMEOUT:-$((seconds * SCALE))}
jobs=${JOBS:-$(nproc)}

# suite NAME COMMAND …: one run. As many run at a time as there are processors; what each says comes when it has ended.
declare -A names=() logs=()
suite () {
  local name=$1 log
  shift
  while [[ ${#names[@]} -ge $jobs ]]; do conclude; done
  log=$(mktemp "$results/XXXXXX")
  say "$name: begins"
  start timeout -k 10 "$timeout" "$@" > "$log" 2>&1
  names[$!]=$name logs[$!]=$log
}

# Waits for the first one to end; adds up its lines `passed=N failed=N pending=N`.
conclude () {
  local pid status=0 good=0 bad=0 open=0 lines=0 one two three
  wait -n -p pid "${!names[@]}" || status=$?
  local name=${names[$pid]} log=${logs[$pid]}
  unset "names[$pid]" "logs[$pid]"
  say "$name"
  cat "$log"
  while IFS='= ' read -r _ one _ two _ three; do
    good=$((good + one)) bad=$((bad + two)) open=$((open + three)) lines=$((lines + 1))
  done < <(grep -E '^passed=[0-9]+ failed=[0-9]+ pending=[0-9]+$' "$log" || true)
  if [[ $lines == 0 || ( $status != 0 && $bad == 0 ) ]]; then
    say "$name: crashed or took too long, exit status $status"
    bad=$((bad + 1))
  fi
  passed=$((passed + good)) failed=$((failed + bad)) pending=$((pending + open))
}

tools/setup.sh build engine test lambda
say "building"
attend make -j2 ${LUAS:+LUAS="$LUAS"} all lambda
if [[ $FLAVOUR == plain ]]; then
  attend make -j2 lambda ARCH=arm64 || say "no bootstrap for arm64: Debian's arm64 packages cannot be had here"
fi
tools/peers.sh fetch
tools/template.sh fetch || say "no cfn-lint, no aws-sam-translator: pip cannot fetch them here"

luas=()
for lua in 5.4 luajit 5.3; do
  [[ -e $built/$lua/dynamodb/core.so && " ${LUAS:-5.4 luajit 5.3} " == *" $lua "* ]] || continue
  ! command -v "$(interpreter "$lua")" > /dev/null || luas+=("$lua")
done
unit=() integration=() lambda=() nginx=()
specs=(spec/*_spec.lua spec/{cli,credentials,integration,lambda,migrate,nginx,streams}/*_spec.lua)
for spec in ${SPECS:-${specs[*]}}; do
  case $spec in
    spec/cli/* | spec/integration/* | spec/migrate/*) integration+=("$spec") ;;
    spec/lambda/article_spec.lua | spec/lambda/permissions_spec.lua) integration+=("$spec") ;;
    spec/streams/fleet_spec.lua | spec/streams/leases_spec.lua) integration+=("$spec") ;;
    spec/lambda/runtime*) lambda+=("$spec") ;;
    spec/nginx/*) nginx+=("$spec") ;;
    *) unit+=("$spec") ;;
  esac
done
# They are driven from outside; what is inside of nginx is always LuaJIT.
[[ $FLAVOUR == plain && -e $built/luajit/dynamodb/core.so && -e $built/5.4/dynamodb/core.so ]] || nginx=()

if [[ $FLAVOUR == plain && -z ${SPECS:-} ]]; then
  suite "C engines, under ASan and UBSan" make --no-print-directory unit
fi
for lua in "${luas[@]}"; do
  [[ ${#unit[@]} == 0 ]] || suite "specs, $lua" tools/specs.sh "$lua" "${unit[@]}"
done
for engine in $engines; do
  [[ ${#integration[@]} -gt 0 ]] || break
  for lua in "${luas[@]}"; do
    [[ $lua != 5.3 ]] || continue
    suite "integration, $lua, $engine" tools/engine.sh run "$engine" tools/specs.sh "$lua" "${integration[@]}"
  done
done
for engine in $engines; do
  [[ ${#lambda[@]} -gt 0 ]] || break
  suite "Lambda's runtime, $engine" tools/engine.sh run "$engine" tools/specs.sh 5.4 "${lambda[@]}"
done
for engine in $engines; do
  [[ ${#nginx[@]} -gt 0 ]] || break
  suite "nginx, $engine" tools/engine.sh run "$engine" tools/specs.sh 5.4 "${nginx[@]}"
done
if [[ $FLAVOUR == plain && -z ${SPECS:-} ]]; then
  suite "rock" tools/rock.sh
fi
while [[ ${#names[@]} -gt 0 ]]; do conclude; done

[[ $passed != 0 ]] || { say "not one test ran"; failed=$((failed + (failed == 0))); }
echo
[[ $pending == 0 ]] || echo "$pending pending"
echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
