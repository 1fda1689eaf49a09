#!/usr/bin/env bash
# gateway.sh [COMMAND …]: the shop's tables and its nginx, for as long as a command runs that gets its URL in SHOP_URL;
# without a command until ^C, on port 8080 (PORT). The endpoint is DYNAMODB_TEST_ENDPOINT's, as tools/engine.sh sets it,
# else AWS's own. After a command, its tables are dropped.
. "$(dirname "$0")/../../tools/common.sh"

export AWS_REGION=${AWS_REGION:-us-east-1}
if [[ -n ${DYNAMODB_TEST_ENDPOINT:-} ]]; then export AWS_ENDPOINT_URL=$DYNAMODB_TEST_ENDPOINT; fi
[[ $# == 0 ]] || export SHOP_TABLES=${SHOP_TABLES:-shop-$$-$RANDOM-}
export LUA_PATH="./lua/?.lua;;" LUA_CPATH="./build/luajit/?.so;;"
here=$PWD/examples/nginx
run=$(mktemp -d)
trap 'stop_all 2> /dev/null; [[ -z ${made:-} ]] || luajit examples/nginx/make_tables.lua drop; rm -rf "$run"' EXIT

listening () { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# nginx.conf as it stands, but for its port and where it writes. Sets `port`.
launch () {
  local pid certificates=/etc/ssl/certs/ca-certificates.crt
  for _ in {1..5}; do
    port=${PORT:-$((20000 + RANDOM % 12000))}
    ! listening "$port" || { [[ -z ${PORT:-} ]] || die "port $port is taken"; continue; }
    sed -e "s|127.0.0.1:8080|127.0.0.1:$port|" -e "s| run/| $run/|" "$here/nginx.conf" > "$run/nginx.conf"
    [[ -e $certificates ]] || sed -i "/$(basename $certificates)/d" "$run/nginx.conf"
    start "${NGINX:-/usr/sbin/nginx}" -p "$here" -c "$run/nginx.conf" -e stderr
    pid=$!
    for _ in {1..100}; do
      kill -0 "$pid" 2> /dev/null || continue 2
      ! listening "$port" || return 0
      sleep 0.1
    done
  done
  die "nginx does not start"
}

luajit examples/nginx/make_tables.lua make
[[ $# == 0 ]] || made=1
[[ $# -gt 0 ]] || PORT=${PORT:-8080}
launch
export SHOP_URL=http://127.0.0.1:$port
if [[ $# == 0 ]]; then
  echo "serving on $SHOP_URL"
  wait
else
  attend "$@"
fi
