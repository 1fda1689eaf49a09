#!/usr/bin/env bash
# The rock as a user meets it, in a copy of the sources: lint, make, exports, pack, and an install of the packed rock
# from a local server directory; for Lua 5.4 and LuaJIT. lua-cjson is Debian's, so LuaRocks does not look for it.
. "$(dirname "$0")/common.sh"

passed=0 failed=0
check () {                                   # check WHAT COMMAND …: one more passed or failed
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf '  %-66s passed\n' "$what"
    passed=$((passed + 1))
  else
    printf '  %-66s FAILED\n%s\n' "$what" "$output"
    failed=$((failed + 1))
  fi
}

temporary=$(mktemp -d)
trap 'stop_all 2> /dev/null; rm -rf "$temporary"' EXIT
name=dynamodb-scm
rockspec=rockspec/dynamodb-scm-1.rockspec
mkdir "$temporary/$name" "$temporary/server"
cp -R csrc lua rockspec LICENSE "$temporary/$name/"
tar -czf "$temporary/server/$name.tar.gz" -C "$temporary" "$name"
sed "s|url = \"\.\".*|url = \"file://$temporary/server/$name.tar.gz\", dir = \"$name\",|" "$rockspec" \
  > "$temporary/server/dynamodb-scm-1.rockspec"
current=$PWD

rocks () {                                   # rocks LUA ARGUMENT …: LuaRocks for that Lua, into its tree
  local version=$1 variables=()
  shift
  if [[ $version == luajit ]]; then
    variables=("LUA_INCDIR=$(pkg-config --variable=includedir luajit 2> /dev/null || echo /usr/include/luajit-2.1)")
    version=5.1
  fi
  case $1 in
    make | install) luarocks "--lua-version=$version" "--tree=$tree" "$1" --deps-mode=none "${@:2}" "${variables[@]}" ;;
    *) luarocks "--lua-version=$version" "--tree=$tree" "$@" ;;
  esac
}

make_rock () { cd "$temporary/$name" && rocks "$1" make "$rockspec"; }
pack_rock () { cd "$temporary/server" && rocks "$1" pack dynamodb-scm-1.rockspec; }
serve_rocks () { cd "$temporary/server" && luarocks-admin make_manifest .; }
install_rock () { cd "$temporary" && rocks "$1" install "--only-server=$temporary/server" dynamodb scm-1; }

# From another directory, with nothing but the tree (and Debian's lua-cjson) to load from.
load_rock () {
  local abi=$1
  [[ $abi != luajit ]] || abi=5.1
  cd "$temporary"
  LUA_PATH="$tree/share/lua/$abi/?.lua;;" LUA_CPATH="$tree/lib/lua/$abi/?.so;;" "$(interpreter "$1")" -e '
    local dynamodb = require "dynamodb"
    assert(type(dynamodb.connect) == "function")
    for _, name in ipairs { "dynamodb", "dynamodb.core", "dynamodb.curl", "dynamodb.system" } do
      local path = name == "dynamodb" and package.path or package.cpath
      assert(require(name))
      assert(package.searchpath(name, path):find("'"$tree"'", 1, true), name .. " comes from elsewhere")
    end'
}

exports () {
  local names
  names=$(find "$tree" -name "$2.so" -exec nm -D --defined-only {} + | awk '{ print $3 }')
  [[ $names == "luaopen_dynamodb_$2" ]] || { echo "exports: $names"; return 1; }
}

clean () { [[ -z $(find "$current/csrc" "$current/dynamodb" -name '*.o' -o -name '*.so' 2> /dev/null) ]]; }

check "luarocks lint" luarocks lint "$rockspec"
check "the rockspec lists what csrc/ and lua/ hold" lua5.4 tools/rockspec.lua --check
for lua in 5.4 luajit; do
  tree=$temporary/made-$lua
  check "$lua: luarocks make" make_rock "$lua"
  check "$lua: require from the tree" load_rock "$lua"
  for module in core curl system; do
    check "$lua: $module.so exports luaopen_dynamodb_$module alone" exports "$lua" "$module"
  done
done
tree=$temporary/packed
check "luarocks pack" pack_rock 5.4
rm -f "$temporary/server/dynamodb-scm-1.rockspec"
check "a rocks server of it" serve_rocks
for lua in 5.4 luajit; do
  tree=$temporary/installed-$lua
  check "$lua: install from that server" install_rock "$lua"
  check "$lua: require what was installed" load_rock "$lua"
done
check "nothing is left in the source tree" clean
echo "passed=$passed failed=$failed pending=0"
[[ $failed == 0 ]]
