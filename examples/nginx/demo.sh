#!/usr/bin/env bash
# Every route of the shop, by curl: what each answers is checked. SHOP_URL says where it is (gateway.sh sets it).
set -euo pipefail

: "${SHOP_URL:?where is the shop? run: make -C examples/nginx demo}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ask STATUS METHOD PATH [BODY [HEADER …]]: one request that must have this status. Sets `body`; the head is in a file.
ask () {
  local wanted=$1 method=$2 path=$3 data=${4:-} status arguments=()
  shift $(($# < 4 ? $# : 4))
  [[ -z $data ]] || arguments+=(--data-binary "$data" -H "Content-Type: application/json")
  for header; do arguments+=(-H "$header"); done
  status=$(curl -sS --max-time 30 -X "$method" -D "$work/head" -o "$work/body" -w '%{http_code}' "${arguments[@]}" \
    "$SHOP_URL$path")
  body=$(< "$work/body")
  [[ $status == "$wanted" ]] || fail "$method $path: $status instead of $wanted: $body"
}
fail () { echo "the demo failed: $*" >&2; exit 1; }
has () { [[ $body == *"$1"* ]] || fail "no $1 in: $body"; }
head_has () { grep -qi "^$1" "$work/head" || fail "no header $1 in: $(< "$work/head")"; }
field () { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<< "$body"; }     # of the first such member

ask 201 POST /users '{"id":"ada","email":"ada@example.com","name":"Ada"}'; has '"success":true'
ask 409 POST /users '{"id":"ada","email":"other@example.com","name":"Other"}'; has "User already exists"
ask 400 POST /users '{"id":"ada"'
ask 400 POST /users '{"id":"eve","email":"e@example.com","name":"Eve","pk":"USER#ada"}'
ask 400 POST /users '{"id":"eve","email":7,"name":"Eve"}'
echo "create     a user 201, once more 409, not as it should be 400"

ask 404 GET /users/nobody; has "User not found"
ask 200 GET /users/ada; has '"email":"ada@example.com"'
ask 200 GET /users/ada; head_has "x-cache: hit"
[[ $body != *'"pk"'* ]] || fail "the key is shown: $body"
echo "get        a user 200, the second time out of the cache; nobody 404"

ask 200 PATCH /users/ada '{"name":"Ada Lovelace"}'; has '"name":"Ada Lovelace"'
ask 200 GET /users/ada; has '"name":"Ada Lovelace"'; has '"email":"ada@example.com"'
ask 404 PATCH /users/nobody '{"name":"Nobody"}'
ask 400 PATCH /users/ada '{"sk":"PROFILE#eve"}'
echo "update     a user 200, and read back; nobody 404; the key 400"

for n in {101..112}; do ask 201 POST /users/ada/orders "{\"id\":\"$n\",\"total\":$n.5}"; done
ask 409 POST /users/ada/orders '{"id":"101","total":1}'
ask 400 POST /users/ada/orders '{"id":"113","total":-1}'
ask 200 GET /users/ada/orders/101; has '"total":101.5'
ask 404 GET /users/ada/orders/999
ask 200 PATCH /users/ada/orders/102 '{"status":"shipped"}'; has '"status":"shipped"'
ask 400 PATCH /users/ada/orders/102 '{"status":"under way"}'
ask 404 PATCH /users/ada/orders/999 '{"status":"shipped"}'
ask 200 DELETE /users/ada/orders/103; has '"deleted":{'
ask 404 DELETE /users/ada/orders/103
echo "orders     made 201, once more 409, read and changed and deleted 200, 404"

ask 200 GET '/users/ada/orders?limit=4'; has '"count":4'; has '"id":"112"'
token=$(field nextKey)
ask 200 GET "/users/ada/orders?limit=4&nextKey=$token"; has '"count":4'; has '"id":"108"'
token=$(field nextKey)
ask 200 GET "/users/ada/orders?limit=4&nextKey=$token"; has '"count":3'; has '"id":"101"'
[[ $body != *nextKey* ]] || fail "a token after the last page: $body"
ask 200 GET '/users/ada/orders?status=shipped'; has '"count":1'; has '"id":"102"'
ask 200 GET '/users/eve/orders'; has '"items":[]'
ask 400 GET "/users/eve/orders?nextKey=$token"; has "not one of ours"
ask 400 GET "/users/ada/orders?nextKey=x${token:1}"
ask 400 GET '/users/ada/orders?limit=-1'
ask 400 GET '/users/ada/orders?status=%FF'
echo "pages      3 of 4, 4 and 3 orders; another user's token 400, a changed one 400"

for _ in {1..100}; do             # an index gets what is written a moment later
  ask 200 GET '/orders/open?limit=100'
  [[ $body != *'"count":10'* ]] || break
  sleep 0.1
done
has '"count":10'
ask 200 GET '/orders/open?limit=6'; has '"count":6'
ask 200 GET "/orders/open?limit=6&nextKey=$(field nextKey)"; has '"count":4'
ask 200 GET '/orders/open?startDate=2020-01-01&endDate=2020-02-01'; has '"count":0'
ask 200 GET '/orders/open?startDate=2020-01-01T00%3A00%3A00.000Z&limit=%31'; has '"count":1'
ask 400 GET '/orders/open?startDate='
ask 400 GET '/orders/open?startDate=%FF'
echo "by status  10 open orders of the last seven days, on 2 pages"

ask 200 DELETE /users/ada; has '"deleted":{'
ask 404 DELETE /users/ada
ask 404 GET /users/ada
ask 405 PUT /users/ada '{}'
ask 404 GET /nowhere
ask 404 GET '/users/%FF'
ask 414 GET "/users/$(printf 'x%.0s' {1..3000})"
echo "delete     a user 200, once more 404, and gone"

ask 401 GET /session
ask 201 POST /sessions '{"user":"ada"}'
cookie=$(sed -n 's/^[Ss]et-[Cc]ookie: \(session=[^;]*\).*/\1/p' "$work/head")
ask 200 GET /session "" "Cookie: $cookie"; has '"user":"ada"'
ask 401 GET /session "" "Cookie: ${cookie}x"
ask 204 DELETE /session "" "Cookie: $cookie"
ask 401 GET /session "" "Cookie: $cookie"
echo "session    begun 201, known 200, ended 204, unknown 401"

passed=0
for _ in {1..11}; do              # five a minute, and perhaps a new minute begins just now
  status=$(curl -sS --max-time 30 -D "$work/head" -o "$work/body" -w '%{http_code}' -H "X-Api-Key: demo" \
    "$SHOP_URL/quote")
  [[ $status == 200 ]] || break
  passed=$((passed + 1))
done
[[ $status == 429 && $passed -ge 5 ]] || fail "$passed requests passed, then $status"
head_has "retry-after: [1-9]"; head_has "x-ratelimit-remaining: 0"
ask 429 GET /quote "" "X-Api-Key: demo"
ask 200 GET /quote "" "X-Api-Key: another"; head_has "x-ratelimit-remaining: 4"
ask 200 GET /quote "" "X-Api-Key: $(printf 'x%.0s' {1..3000})"
ask 200 GET /quote "" "X-Api-Key: "$'\xff'
echo "limit      five quotes a minute, then 429; another client has its own five"
echo "done"
