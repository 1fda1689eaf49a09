#!/usr/bin/env bash
# The rocks as a user meets them, in a copy of the sources: lint, make, exports, pack, and an install of the packed ones
# from a local server directory; for Lua 5.4 and LuaJIT. lua-cjson and lua-argparse are Debian's, so LuaRocks does not
# look for them.
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
rocks=(dynamodb dynamodb-tools)             # the second one needs the first one
mkdir "$temporary/$name" "$temporary/server"
cp -R bin csrc lua rockspec LICENSE "$temporary/$name/"
tar -czf "$temporary/server/$name.tar.gz" -C "$temporary" "$name"
for rock in "${rocks[@]}"; do
  sed "s|url = \"\.\".*|url = \"file://$temporary/server/$name.tar.gz\", dir = \"$name\",|" \
    "rockspec/$rock-scm-1.rockspec" > "$temporary/server/$rock-scm-1.rockspec"
done
current=$PWD

echo 'lua_interpreter = "luajit"' > "$temporary/luajit.lua"

luarocks_for () {                            # luarocks_for LUA ARGUMENT …: LuaRocks for that Lua, into its tree
  local version=$1 variables=()
  shift
  if [[ $version == luajit ]]; then
    variables=("LUA_INCDIR=$(pkg-config --variable=includedir luajit 2> /dev/null || echo /usr/include/luajit-2.1)")
    version=5.1
    local -x LUAROCKS_CONFIG=$temporary/luajit.lua        # else a script would be run by PUC 5.1
  fi
  case $1 in
    make | install) luarocks "--lua-version=$version" "--tree=$tree" "$1" --deps-mode=none "${@:2}" "${variables[@]}" ;;
    *) luarocks "--lua-version=$version" "--tree=$tree" "$@" ;;
  esac
}

make_rock () { cd "$temporary/$name" && luarocks_for "$1" make "rockspec/$2-scm-1.rockspec"; }
pack_rock () { cd "$temporary/server" && luarocks_for "$1" pack "$2-scm-1.rockspec"; }
serve_rocks () { cd "$temporary/server" && luarocks-admin make_manifest .; }
install_rock () { cd "$temporary" && luarocks_for "$1" install "--only-server=$temporary/server" "$2" scm-1; }

# From another directory, with nothing but the tree (and Debian's rocks) to load from.
inside () {                                  # inside LUA COMMAND …
  local abi=$1
  [[ $abi != luajit ]] || abi=5.1
  cd "$temporary"
  LUA_PATH="$tree/share/lua/$abi/?.lua;;" LUA_CPATH="$tree/lib/lua/$abi/?.so;;" "${@:2}"
}

load_rock () {
  inside "$1" "$(interpreter "$1")" -e '
    local dynamodb = require "dynamodb"
    assert(type(dynamodb.connect) == "function")
    for _, name in ipairs { "dynamodb", "dynamodb.core", "dynamodb.curl", "dynamodb.system" } do
      local path = name == "dynamodb" and package.path or package.cpath
      assert(require(name))
      assert(package.searchpath(name, path):find("'"$tree"'", 1, true), name .. " comes from elsewhere")
    end'
}

# The script that LuaRocks has made of bin/dynamodb.
run_command () {
  inside "$1" "$tree/bin/dynamodb" --version | grep '^dynamodb [0-9]' && inside "$1" "$tree/bin/dynamodb" migrate --help
}

no_command () { [[ ! -e $tree/bin/dynamodb ]]; }

exports () {
  local names
  names=$(find "$tree" -name "$2.so" -exec nm -D --defined-only {} + | awk '{ print $3 }')
  [[ $names == "luaopen_dynamodb_$2" ]] || { echo "exports: $names"; return 1; }
}

clean () { [[ -z $(find "$current/csrc" "$current/dynamodb" -name '*.o' -o -name '*.so' 2> /dev/null) ]]; }

for rock in "${rocks[@]}"; do
  check "$rock: luarocks lint" luarocks lint "rockspec/$rock-scm-1.rockspec"
done
check "the rockspec lists what csrc/ and lua/ hold" lua5.4 tools/rockspec.lua --check
for lua in 5.4 luajit; do
  tree=$temporary/made-$lua
  check "$lua: luarocks make dynamodb" make_rock "$lua" dynamodb
  check "$lua: require from the tree" load_rock "$lua"
  for module in core curl system; do
    check "$lua: $module.so exports luaopen_dynamodb_$module alone" exports "$lua" "$module"
  done
  check "$lua: the library comes without the command" no_command
  check "$lua: luarocks make dynamodb-tools" make_rock "$lua" dynamodb-tools
  check "$lua: the command runs" run_command "$lua"
done
tree=$temporary/packed
for rock in "${rocks[@]}"; do
  check "luarocks pack $rock" pack_rock 5.4 "$rock"
  rm -f "$temporary/server/$rock-scm-1.rockspec"
done
check "a rocks server of them" serve_rocks
for lua in 5.4 luajit; do
  tree=$temporary/installed-$lua
  check "$lua: install dynamodb from that server" install_rock "$lua" dynamodb
  check "$lua: require what was installed" load_rock "$lua"
  check "$lua: install dynamodb-tools from that server" install_rock "$lua" dynamodb-tools
  check "$lua: run what was installed" run_command "$lua"
done
check "nothing is left in the source tree" clean
echo "passed=$passed failed=$failed pending=0"
[[ $failed == 0 ]]
